package service

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"microgram/guests/go/sidecar/sidecartest"
)

// scrape asks for the metrics with a header.
func scrape(app http.Handler, authorization string) (int, string) {
	request := httptest.NewRequest("GET", "/metrics", nil)
	request.Header.Set("authorization", authorization)
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

func TestMetricsAreForWhoeverHasTheirToken(t *testing.T) {
	store, client := sidecartest.New(t)
	if code, _ := scrape(New("things", client, "token").Handler(), "Bearer the token"); code != 401 {
		t.Errorf("without a secret: %d", code)
	}
	app := New("things", client, "token").Handler()
	digest := sha256.Sum256([]byte("the token"))
	store.Keep(metricsSecret, hex.EncodeToString(digest[:]))
	for given, expected := range map[string]int{
		"": 401, "Bearer ": 401, "Bearer wrong": 401, "Basic the token": 401, "the token": 401,
		"Bearer " + strings.Repeat("x", maxToken+1): 401, "Bearer the token": 200,
	} {
		code, text := scrape(app, given)
		if code != expected || strings.Contains(text, "process_cpu_seconds_total ") != (code == 200) {
			t.Errorf("%q: %d instead of %d: %s", given, code, expected, text)
		}
	}
}

func TestRequestsAreCountedByRouteAndStatus(t *testing.T) {
	store, client := sidecartest.New(t)
	digest := sha256.Sum256([]byte("x"))
	store.Keep(metricsSecret, hex.EncodeToString(digest[:]))
	own := New("things", client, "token")
	own.Handle("GET /things/{id}", []string{"gateway"}, func(w http.ResponseWriter, r *http.Request) error {
		if r.PathValue("id") == "panic" {
			panic("no such thing")
		}
		WriteJSON(w, 200, "found")
		return nil
	})
	app := own.Handler()
	for _, each := range [][2]string{
		{"/things/1", "gateway"}, {"/things/2", "gateway"}, {"/things/1", "posts"},
		{"/things/panic", "gateway"}, {"/things/1", "nobody"}, {"/no/such/route", "gateway"},
	} {
		status(app, "GET", each[0], each[1], "")
	}
	_, text := scrape(app, "Bearer x")
	count := "http_server_request_duration_seconds_count"
	bucket := "http_server_request_duration_seconds_bucket"
	for _, expected := range []string{
		count + `{method="GET",route="/things/{id}",status="2xx"} 2`,
		count + `{method="GET",route="/things/{id}",status="4xx"} 1`,
		count + `{method="GET",route="/things/{id}",status="5xx"} 1`,
		count + `{method="GET",route="unmatched",status="4xx"} 2`,
		bucket + `{method="GET",route="/things/{id}",status="2xx",le="5"} 2`,
		bucket + `{method="GET",route="/things/{id}",status="2xx",le="+Inf"} 2`,
	} {
		if !strings.Contains(text, expected+"\n") {
			t.Errorf("it lacks %s:\n%s", expected, text)
		}
	}
}
