package service

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"microgram/guests/go/failure"
)

func TestRequestsOfABatchHaveBounds(t *testing.T) {
	app := New("things", nil, "token")
	app.Handle("GET /things", []string{"gateway"}, func(w http.ResponseWriter, _ *http.Request) error {
		WriteJSON(w, 200, 1)
		return nil
	})
	send := func(part bundled) error {
		body, _ := json.Marshal(map[string]any{"questions": []bundled{{Path: "things"}, part}})
		request := httptest.NewRequest("POST", "/bundles", strings.NewReader(string(body)))
		return app.bundle(httptest.NewRecorder(), request)
	}
	params := func(count int) map[string]string {
		made := map[string]string{}
		for len(made) < count {
			made[strconv.Itoa(len(made))] = ""
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
		if err := send(wrong); err == nil || failure.Of(err).Status != 422 {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
