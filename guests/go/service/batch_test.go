package service

import (
	"context"
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

func TestAPartThatTakesTooLongGoesOnWithoutTheOthers(t *testing.T) {
	app, release, done := New("things", nil, "token"), make(chan bool), make(chan error, 1)
	app.Handle("GET /quick", []string{"gateway"}, func(w http.ResponseWriter, _ *http.Request) error {
		WriteJSON(w, 200, "quick")
		return nil
	})
	app.Handle("GET /slow", []string{"gateway"}, func(_ http.ResponseWriter, r *http.Request) error {
		<-release
		done <- r.Context().Err()
		return nil
	})
	body := `{"questions": [{"path": "slow"}, {"path": "quick"}], "seconds": 0.2}`
	ctx, cancel := context.WithCancel(context.Background())
	request := httptest.NewRequestWithContext(ctx, "POST", "/bundles", strings.NewReader(body))
	request.Header.Set("dapr-caller-app-id", "gateway")
	answer := httptest.NewRecorder()
	if err := app.bundle(answer, request); err != nil {
		t.Fatal(err)
	}
	cancel() // as the server does after its answer
	var parts []struct{ Status int }
	if err := json.Unmarshal(answer.Body.Bytes(), &parts); err != nil {
		t.Fatal(err)
	}
	if len(parts) != 2 || parts[0].Status != 504 || parts[1].Status != 200 {
		t.Errorf("%s", answer.Body)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("the slow part was broken off: %v", err)
	}
}

func TestTheTimeOfABatchHasBounds(t *testing.T) {
	for seconds, expected := range map[string]int{"0": 422, "-1": 422, "10.1": 422, `"x"`: 422, "10": 200, "null": 200} {
		app := New("things", nil, "token")
		body := `{"questions": [], "seconds": ` + seconds + `}`
		found := 200
		if err := app.bundle(httptest.NewRecorder(), httptest.NewRequest("POST", "/bundles", strings.NewReader(body))); err != nil {
			found = failure.Of(err).Status
		}
		if found != expected {
			t.Errorf("%s: %d", seconds, found)
		}
	}
}
