package lists

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"microgram/guests/go/sidecar/sidecartest"
)

func idOf(number int) string { return fmt.Sprintf("%018d", number) }

func TestAListHoldsWhatWasInsertedAndNotRemoved(t *testing.T) {
	store, client := sidecartest.New(t)
	lists, ctx, dice := New(client, "thread", nil), context.Background(), rand.New(rand.NewSource(7))
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
	head, err := lists.Head(ctx, "1")
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
	if len(store.Keys("")) != named {
		t.Fatalf("there are %d documents, of which %d are in use", len(store.Keys("")), named)
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
	found := []string{}
	for _, row := range rows {
		found = append(found, row[0])
	}
	return found
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
	_, client := sidecartest.New(t)
	var waiting sync.WaitGroup
	for process := range 2 {
		lists := New(client, "thread", nil)
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
	rows, err := New(client, "thread", nil).All(context.Background(), "1")
	if err != nil || len(rows) != 400 {
		t.Fatalf("%v: %d rows", err, len(rows))
	}
}
