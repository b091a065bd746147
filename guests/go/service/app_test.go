package service

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"microgram/guests/go/failure"
	"microgram/guests/go/inbox"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar/sidecartest"
)

// exported is after which record the last page of an export was asked for.
var exported string

func newApp(t *testing.T) http.Handler {
	_, client := sidecartest.New(t)
	app := New("things", client, "token")
	app.Handle("GET /things", []string{"gateway"}, func(w http.ResponseWriter, _ *http.Request) error {
		WriteJSON(w, 200, "found")
		return nil
	})
	app.Handle("GET /panic", []string{"gateway"}, func(http.ResponseWriter, *http.Request) error {
		panic("no such thing")
	})
	handle := func(_ context.Context, event *inbox.Event) error {
		if event.Subject == "later" {
			return failure.Unavailable("Not now.")
		}
		return nil
	}
	app.Subscribe("posts", "posts", map[string]inbox.Handler{"post.changed": handle})
	app.Publish(journal.NewOutbox(client, journal.Told{Service: "things", Topic: "things"}), "feed")
	app.Export(map[string]Exporter{"things": func(_ context.Context, _, after string) (ExportPage, error) {
		exported = after
		return ExportPage{Records: []any{}}, nil
	}})
	return app.Handler()
}

// status sends a request from a service; with the own sidecar's token, unless it is from "nobody".
func status(app http.Handler, method, path, caller, body string) (int, string) {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if caller != "nobody" {
		request.Header.Set("dapr-api-token", "token")
	}
	if caller != ownSidecar && caller != "nobody" {
		request.Header.Set("dapr-caller-app-id", caller)
	}
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

func TestEachRouteIsForItsCallers(t *testing.T) {
	app := newApp(t)
	for _, each := range []struct {
		path, caller string
		expected     int
	}{
		{"/healthz", "nobody", 200}, {"/things", "nobody", 401},
		{"/things", "gateway", 200}, {"/things", "feed", 403}, {"/things", ownSidecar, 403},
		{"/nothing", "gateway", 404}, {"/panic", "gateway", 500},
		{"/dapr/subscribe", ownSidecar, 200}, {"/dapr/subscribe", "gateway", 403},
		{"/deadletters", ownSidecar, 403}, {"/deadletters", "gateway", 403},
		{"/changes?topics=things", "feed", 200}, {"/changes?topics=things", "gateway", 403},
		{"/changes?topics=others", "feed", 404},
		{"/belongings/1/things", "media", 200}, {"/belongings/1/things", "gateway", 403},
		{"/belongings/1/others", "media", 404}, {"/belongings/x/things", "media", 422},
	} {
		if code, body := status(app, "GET", each.path, each.caller, ""); code != each.expected {
			t.Errorf("GET %s of %q: %d %s", each.path, each.caller, code, body)
		}
	}
}

func TestACallerWithTwoNamesIsRefused(t *testing.T) {
	request := httptest.NewRequest("GET", "/things", nil)
	request.Header.Set("dapr-api-token", "token")
	request.Header["Dapr-Caller-App-Id"] = []string{"gateway", "gateway"}
	answer := httptest.NewRecorder()
	newApp(t).ServeHTTP(answer, request)
	if answer.Code != 403 {
		t.Errorf("%d", answer.Code)
	}
}

func TestTheSidecarLearnsWhatToDoWithAMessage(t *testing.T) {
	app := newApp(t)
	message := func(subject string) string {
		event := map[string]any{
			"id": "1", "type": "post.changed", "source": "posts", "subject": subject, "stream": "s",
			"sequence": 1, "entityversion": 1, "data": map[string]any{},
		}
		body, _ := json.Marshal(map[string]any{"type": "events", "data": map[string]any{"events": []any{event}}})
		return string(body)
	}
	for body, expected := range map[string]string{
		message("now"): "SUCCESS", message("later"): "RETRY", "no message": "DROP",
	} {
		code, answer := status(app, "POST", "/events/posts", ownSidecar, body)
		if code != 200 || !strings.Contains(answer, expected) {
			t.Errorf("%s: %d %s", body, code, answer)
		}
	}
	if code, _ := status(app, "POST", "/events/posts", "posts", message("now")); code != 403 {
		t.Errorf("another service delivers: %d", code)
	}
}

func TestAnExportGoesOnAfterAnIDAsItIsStored(t *testing.T) {
	for given, expected := range map[string]string{"17": "000000000000000017", "": ""} {
		code, body := status(newApp(t), "GET", "/belongings/1/things?after="+given, "media", "")
		if code != 200 || exported != expected {
			t.Errorf("%q: %d %s, after %q", given, code, body, exported)
		}
	}
}

func TestAConnectionEndsWithABodyThatIsTooLarge(t *testing.T) {
	_, client := sidecartest.New(t)
	app := New("things", client, "token")
	app.Handle("POST /things", []string{ownSidecar}, func(_ http.ResponseWriter, r *http.Request) error {
		return ReadJSON(r, &struct{}{})
	})
	server := httptest.NewServer(app.Handler())
	defer server.Close()
	body := strings.NewReader(strings.Repeat(" ", maxBody+1))
	request, _ := http.NewRequest("POST", server.URL+"/things", body)
	request.Header.Set("dapr-api-token", "token")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 413 || !answer.Close {
		t.Errorf("%d, and the connection ends: %v", answer.StatusCode, answer.Close)
	}
}
