package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestsOfABatchHaveBounds(t *testing.T) {
	app, mux := &App{}, http.NewServeMux()
	mux.HandleFunc("GET /things", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, 1) })
	send := func(part bundled) error {
		body, _ := json.Marshal(map[string]any{"questions": []bundled{{Path: "things"}, part}})
		request := httptest.NewRequest("POST", "/bundles", strings.NewReader(string(body)))
		return app.bundle(httptest.NewRecorder(), request, mux)
	}
	params := func(count int) map[string]string {
		made := map[string]string{}
		for len(made) < count {
			made[idOf(len(made))] = ""
		}
		return made
	}
	for _, good := range []bundled{
		{Path: strings.Repeat("é", maxPartPath)}, {Params: params(maxPartParams)},
		{Token: strings.Repeat("t", maxPartToken)}, {Anonymous: true},
	} {
		if err := send(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, wrong := range []bundled{
		{Path: strings.Repeat("p", maxPartPath+1)}, {Params: params(maxPartParams + 1)},
		{Token: strings.Repeat("t", maxPartToken+1)}, {Anonymous: true, Token: "t"},
	} {
		var failure *Failure
		if err := send(wrong); !errors.As(err, &failure) || failure.Status != 422 {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
