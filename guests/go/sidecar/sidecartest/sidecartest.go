// Package sidecartest has a sidecar for tests: its state API in memory, and what is published.
package sidecartest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"microgram/guests/go/sidecar"
)

// Store answers as the sidecar of a service does, as far as guests use it.
type Store struct {
	mutex   sync.Mutex
	values  map[string]json.RawMessage
	etags   map[string]int
	changes int
	events  []Event
	sizes   []int
	answers map[string]any
	secrets map[string]string

	// Fail returns a status that is the answer to a write, after it or instead of it; 0 for none.
	Fail func(key string, written bool) int

	// FailRead returns a status that is the answer to a bulk read instead of values; 0 for none.
	FailRead func(keys []string) int
}

// Event is what was published.
type Event struct {
	Type, Subject string
	Entityversion int
	Data          json.RawMessage
}

// New returns a store, and a client of it.
func New(t *testing.T) (*Store, *sidecar.Client) {
	store := &Store{
		values: map[string]json.RawMessage{}, etags: map[string]int{}, answers: map[string]any{},
		secrets: map[string]string{},
	}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	return store, sidecar.New(server.URL[strings.LastIndex(server.URL, ":")+1:], "token")
}

// Value returns what is stored under a key; only for use within Fail, or while nothing is written.
func (s *Store) Value(key string) json.RawMessage { return s.values[key] }

// Keys returns all keys with a prefix; only for use while nothing is written.
func (s *Store) Keys(prefix string) []string {
	keys := []string{}
	for key := range s.values {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Published returns all events that were published, in their order.
func (s *Store) Published() []Event {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Event{}, s.events...)
}

// Sizes returns the bytes of each message that was published.
func (s *Store) Sizes() []int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.sizes)
}

// Answer sets the answer of another service to a GET, such as of auth to "deletions".
func (s *Store) Answer(app, path string, answer any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answers["/v1.0/invoke/"+app+"/method/"+path] = answer
}

// Keep sets a secret.
func (s *Store) Keep(name, secret string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.secrets[name] = secret
}

// ServeHTTP answers a call of the sidecar's API.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/bulk"):
		s.read(w, r)
	case strings.Contains(r.URL.Path, "/publish/"):
		s.publish(w, r)
	case strings.Contains(r.URL.Path, "/invoke/"):
		s.invoke(w, r)
	case strings.Contains(r.URL.Path, "/secrets/"):
		s.secret(w, r)
	case r.Method == http.MethodDelete:
		delete(s.values, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	default:
		s.write(w, r)
	}
}

func (s *Store) read(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Keys []string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	if s.FailRead != nil && answered(w, s.FailRead(asked.Keys), "ERR_STATE_BULK_GET") {
		return
	}
	rows := []map[string]any{}
	for _, key := range asked.Keys {
		if value, exists := s.values[key]; exists {
			rows = append(rows, map[string]any{"key": key, "data": value, "etag": strconv.Itoa(s.etags[key])})
		}
	}
	writeJSON(w, 200, rows)
}

// invoke answers for another service; for one that has no answer, as if it did not run.
func (s *Store) invoke(w http.ResponseWriter, r *http.Request) {
	answer, exists := s.answers[r.URL.Path]
	if !exists {
		writeJSON(w, 500, map[string]string{
			"errorCode": "ERR_DIRECT_INVOKE", "message": "failed to invoke: couldn't find service",
		})
		return
	}
	writeJSON(w, 200, answer)
}

func (s *Store) secret(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if secret, exists := s.secrets[name]; exists {
		writeJSON(w, 200, map[string]string{name: secret})
		return
	}
	writeJSON(w, 500, map[string]string{
		"errorCode": "ERR_SECRET_GET", "message": "secret " + name + " not found",
	})
}

func (s *Store) publish(w http.ResponseWriter, r *http.Request) {
	var message struct{ Data struct{ Events []Event } }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &message)
	s.sizes = append(s.sizes, len(body))
	s.events = append(s.events, message.Data.Events...)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Store) write(w http.ResponseWriter, r *http.Request) {
	var items []struct {
		Key, ETag string
		Value     json.RawMessage
		Options   struct{ Concurrency string }
	}
	_ = json.NewDecoder(r.Body).Decode(&items)
	item := items[0]
	if s.Fail != nil && answered(w, s.Fail(item.Key, false), "ERR_STATE_SAVE") {
		return
	}
	_, exists := s.values[item.Key]
	isStale := exists && item.ETag != strconv.Itoa(s.etags[item.Key]) || !exists && item.ETag != ""
	if item.Options.Concurrency == "first-write" && isStale {
		writeJSON(w, 409, map[string]string{"errorCode": "ERR_STATE_SAVE", "message": "etag mismatch"})
		return
	}
	s.changes++
	s.values[item.Key], s.etags[item.Key] = item.Value, s.changes
	if s.Fail == nil || !answered(w, s.Fail(item.Key, true), "ERR_STATE_SAVE") {
		w.WriteHeader(http.StatusNoContent)
	}
}

func answered(w http.ResponseWriter, status int, code string) bool {
	if status != 0 {
		writeJSON(w, status, map[string]string{"errorCode": code, "message": "timeout"})
	}
	return status != 0
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
