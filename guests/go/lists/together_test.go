package lists

import (
	"context"
	"sync"
	"testing"

	"microgram/guests/go/failure"
	"microgram/guests/go/sidecar"
	"microgram/guests/go/sidecar/sidecartest"
)

// insertAtOnce inserts rows concurrently, each twice, and returns what failed.
func insertAtOnce(lists *Lists, from, to int) []error {
	var waiting sync.WaitGroup
	failures := make(chan error, 2*(to-from))
	for number := range 2 * (to - from) {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			failures <- lists.Insert(context.Background(), "1", Row{idOf(from + number/2), "author"})
		}()
	}
	waiting.Wait()
	close(failures)
	failed := []error{}
	for err := range failures {
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

func TestWhatIsInsertedAtTheSameTimeIsOneChange(t *testing.T) {
	store, client := sidecartest.New(t)
	lists, writes := New(client, "thread", nil), 0
	store.Fail = func(key string, written bool) int {
		if key == "thread:1" && written {
			writes++
		}
		return 0
	}
	if failed := insertAtOnce(lists, 0, 100); len(failed) > 0 {
		t.Fatal(failed[0])
	}
	head, err := lists.Head(context.Background(), "1")
	if err != nil || head.Total != 100 || len(IDsOf(head.Recent)) != 100 {
		t.Fatalf("%v: the list has %d rows, and %d ids", err, head.Total, len(IDsOf(head.Recent)))
	}
	if writes > 30 {
		t.Errorf("100 rows are %d writes", writes)
	}
}

func TestWhoeverWaitsForAFailedInsertionIsTold(t *testing.T) {
	_, client := sidecartest.New(t)
	lists, ctx := New(client, "thread", nil), context.Background()
	if err := client.Set(ctx, sidecar.Upsert{Key: "thread:1", Value: "no list"}); err != nil {
		t.Fatal(err)
	}
	if failed := insertAtOnce(lists, 0, 20); len(failed) != 40 {
		t.Fatalf("%d of 40 insertions failed", len(failed))
	}
	if err := client.Delete(ctx, "thread:1"); err != nil {
		t.Fatal(err)
	}
	if failed := insertAtOnce(lists, 0, 20); len(failed) > 0 {
		t.Fatal(failed[0])
	}
	head, err := lists.Head(ctx, "1")
	if err != nil || head.Total != 20 {
		t.Fatalf("%v: the list has %d rows", err, head.Total)
	}
}

func TestWhoeverNoLongerWaitsFailsNobodyElse(t *testing.T) {
	store, client := sidecartest.New(t)
	lists, background := New(client, "thread", nil), context.Background()
	first, giveUp := context.WithCancel(background)
	gaveUp, stopWaiting := context.WithCancel(background)
	stopWaiting()
	var impatient, patient error
	var waiting sync.WaitGroup
	store.FailRead = func([]string) int { // the first has begun, and reads the list
		if first.Err() == nil {
			impatient = lists.Insert(gaveUp, "1", Row{idOf(2), "author"})
			waiting.Add(1)
			go func() {
				defer waiting.Done()
				patient = lists.Insert(background, "1", Row{idOf(3), "author"})
			}()
			giveUp()
		}
		return 0
	}
	err := lists.Insert(first, "1", Row{idOf(1), "author"})
	waiting.Wait()
	if patient != nil || err != nil && !failure.IsUnknown(err) || !failure.IsUnknown(impatient) {
		t.Fatalf("%v, %v and %v", err, impatient, patient)
	}
	if head, err := lists.Head(background, "1"); err != nil || head.Total != 3 {
		t.Fatalf("%v: the list has %d rows", err, head.Total)
	}
}
