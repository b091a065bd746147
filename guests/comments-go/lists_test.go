package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeStore is the state API of a sidecar, as far as the guest uses it.
type fakeStore struct {
	sync.Mutex
	values  map[string]json.RawMessage
	etags   map[string]int
	changes int
	fail    func(key string, written bool) int // a status after a write, or instead of it
}

func newStore(t *testing.T) (*fakeStore, *Sidecar) {
	store := &fakeStore{values: map[string]json.RawMessage{}, etags: map[string]int{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	return store, NewSidecar(server.URL[strings.LastIndex(server.URL, ":")+1:], "token")
}

func (s *fakeStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	defer s.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/bulk"):
		s.read(w, r)
	case r.Method == "DELETE":
		delete(s.values, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	default:
		s.write(w, r)
	}
}

func (s *fakeStore) read(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Keys []string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	rows := []map[string]any{}
	for _, key := range asked.Keys {
		if value, exists := s.values[key]; exists {
			rows = append(rows, map[string]any{"key": key, "data": value, "etag": strconv.Itoa(s.etags[key])})
		}
	}
	writeJSON(w, 200, rows)
}

func (s *fakeStore) write(w http.ResponseWriter, r *http.Request) {
	var items []struct {
		Key, ETag string
		Value     json.RawMessage
		Options   struct{ Concurrency string }
	}
	_ = json.NewDecoder(r.Body).Decode(&items)
	item := items[0]
	if s.fail != nil && s.answer(w, s.fail(item.Key, false)) {
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
	if s.fail == nil || !s.answer(w, s.fail(item.Key, true)) {
		w.WriteHeader(204)
	}
}

func (s *fakeStore) answer(w http.ResponseWriter, status int) bool {
	if status != 0 {
		writeJSON(w, status, map[string]string{"errorCode": "ERR_STATE_SAVE", "message": "timeout"})
	}
	return status != 0
}

func idOf(number int) string { return fmt.Sprintf("%018d", number) }

func TestAListHoldsWhatWasInsertedAndNotRemoved(t *testing.T) {
	store, sidecar := newStore(t)
	lists, ctx, dice := NewLists("thread", sidecar, nil), context.Background(), rand.New(rand.NewSource(7))
	model := map[string]bool{}
	for round := range 20 {
		rows, most := []Row{}, 20
		if round == 0 {
			most = 6_000 // so many that references to segments move to an index
		}
		for range 1 + most {
			id := idOf(dice.Intn(9_000))
			rows = append(rows, Row{id, "parent", "author"})
			model[id] = true
		}
		if err := lists.Insert(ctx, "1", uniqueRows(rows)...); err != nil {
			t.Fatal(err)
		}
		gone := []string{idOf(dice.Intn(9_000)), rows[0][0], rows[len(rows)-1][0]}
		if err := lists.Remove(ctx, "1", gone...); err != nil {
			t.Fatal(err)
		}
		for _, id := range gone {
			delete(model, id)
		}
	}
	expected := sortedKeys(model)
	rows, err := lists.All(ctx, "1")
	if err != nil || !slices.Equal(idsInOrder(rows), expected) {
		t.Fatalf("%v: %d rows, not %d", err, len(rows), len(expected))
	}
	head, err := lists.head(ctx, "1")
	if err != nil || head.Total != len(expected) {
		t.Fatalf("%v: the total is %d, not %d", err, head.Total, len(expected))
	}
	if !slices.ContainsFunc(head.Segments, func(ref Ref) bool { return ref.Level > 0 }) {
		t.Fatal("the list is too short to have an index")
	}
	for _, window := range []Window{{Limit: 40, Max: expected[700]}, {Limit: 40, Min: expected[700]}} {
		rows, err := lists.Read(ctx, head, window)
		wanted := expected[701:741]
		if window.Min != "" {
			wanted = expected[660:700]
		}
		if err != nil || !slices.Equal(idsInOrder(rows), wanted) {
			t.Fatalf("%v: the window %v has %v", err, window, idsInOrder(rows))
		}
	}
	named := 1 + countSegments(t, lists, head.Segments)
	if len(store.values) != named {
		t.Fatalf("there are %d documents, of which %d are in use", len(store.values), named)
	}
}

func countSegments(t *testing.T, lists *Lists, refs []Ref) int {
	count := len(refs)
	for _, ref := range refs {
		_, below, err := lists.load(context.Background(), []Ref{ref})
		if err != nil {
			t.Fatal(err)
		}
		count += countSegments(t, lists, below)
	}
	return count
}

func uniqueRows(rows []Row) []Row {
	seen := map[string]bool{}
	return filter(rows, func(row Row) bool {
		isNew := !seen[row[0]]
		seen[row[0]] = true
		return isNew
	})
}

func idsInOrder(rows []Row) []string {
	ids := []string{}
	for _, row := range rows {
		ids = append(ids, row[0])
	}
	return ids
}

func sortedKeys(set map[string]bool) []string {
	keys := []string{}
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	slices.Reverse(keys)
	return keys
}

func TestConcurrentInsertsOfTwoProcessesAreAllThere(t *testing.T) {
	_, sidecar := newStore(t)
	var waiting sync.WaitGroup
	for process := range 2 {
		lists := NewLists("thread", sidecar, nil)
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			for number := range 200 {
				if err := lists.Insert(context.Background(), "1", Row{idOf(2*number + process)}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	waiting.Wait()
	rows, err := NewLists("thread", sidecar, nil).All(context.Background(), "1")
	if err != nil || len(rows) != 400 {
		t.Fatalf("%v: %d rows", err, len(rows))
	}
}
