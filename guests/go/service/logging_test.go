package service

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// logged returns the lines that a request leaves.
func logged(t *testing.T, method, path, caller, body string) []map[string]any {
	var written bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(newLogger("things", &written))
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("dapr-api-token", "token")
	request.Header.Set("traceparent", parent)
	if caller != ownSidecar {
		request.Header.Set("dapr-caller-app-id", caller)
	}
	newApp(t).ServeHTTP(httptest.NewRecorder(), request)
	lines := []map[string]any{}
	for _, line := range strings.Split(strings.TrimSpace(written.String()), "\n") {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, fields)
	}
	return lines
}

func TestALineOfTheLogNamesTheTraceOfItsRequest(t *testing.T) {
	for _, each := range []struct{ method, path, caller, body, message string }{
		{"GET", "/things", "feed", "", "service_call_refused"},
		{"GET", "/panic", "gateway", "", "a request failed"},
		{"POST", "/events/posts", ownSidecar, "no message", "poison message"},
		{"POST", "/events/posts", ownSidecar, `{"type": "events", "data": {"events": [{"id": "1",
			"type": "post.changed", "source": "posts", "subject": "later", "stream": "s", "sequence": 1,
			"entityversion": 1, "data": {}}]}}`, "will retry an event"},
	} {
		lines := logged(t, each.method, each.path, each.caller, each.body)
		if len(lines) != 1 || lines[0]["msg"] != each.message || lines[0]["service"] != "things" ||
			lines[0]["trace_id"] != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%s %s: %v", each.method, each.path, lines)
		}
	}
}
