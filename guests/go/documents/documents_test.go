package documents_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"microgram/guests/go/documents"
	"microgram/guests/go/failure"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar"
	"microgram/guests/go/sidecar/sidecartest"
)

type counter struct {
	Value int `json:"value"`
}

func increment(document *counter, _ bool) (bool, error) {
	document.Value++
	return true, nil
}

func told(client *sidecar.Client) (*documents.Collection[counter], *journal.Outbox) {
	outbox := journal.NewOutbox(client, journal.Told{
		Service: "counting", Topic: "counters", Kind: "counter", Type: "counter.changed",
		ToData: func(_ string, data json.RawMessage) (any, error) { return data, nil },
	})
	return documents.NewTold[counter](client, "counter", outbox, nil), outbox
}

// closeAll waits until all is published.
func closeAll(outbox *journal.Outbox) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	outbox.Close(ctx)
}

func TestAWriteWithAnUnknownOutcomeHappensOnce(t *testing.T) {
	for _, happened := range []bool{false, true} {
		store, client := sidecartest.New(t)
		counters, outbox := told(client)
		failures := 3
		store.Fail = func(key string, written bool) int {
			if written == happened && strings.HasPrefix(key, "counter:") && failures > 0 {
				failures--
				return 500
			}
			return 0
		}
		for expected := 1; expected <= 4; expected++ {
			found, err := counters.Update(context.Background(), "1", increment)
			if err != nil || found.Value != expected {
				t.Fatalf("happened: %v: %v, and %d instead of %d", happened, err, found.Value, expected)
			}
		}
		closeAll(outbox)
		if events := store.Published(); len(events) != 4 {
			t.Fatalf("%d events instead of 4", len(events))
		}
	}
}

func TestTheJournalIsWrittenBeforeTheDocument(t *testing.T) {
	store, client := sidecartest.New(t)
	counters, outbox := told(client)
	stream := ""
	store.Fail = func(key string, written bool) int {
		if strings.HasPrefix(key, "counter:") && written {
			envelope, _ := journal.ReadEnvelope(store.Value(key))
			stream = envelope.Change.Stream
			if last := lastEntry(store.Value("journal:counters:" + stream)); last < envelope.Change.Sequence {
				t.Errorf("change %d has no entry", envelope.Change.Sequence)
			}
		}
		return 0
	}
	for range 200 { // more than a segment of the journal has
		if _, err := counters.Update(context.Background(), "1", increment); err != nil {
			t.Fatal(err)
		}
	}
	events := 0
	for after := 0; after < 200; {
		found, settled, err := outbox.Changes(context.Background(), stream, after, journal.MaxChanges)
		if err != nil || settled <= after {
			t.Fatalf("%v: settled up to %d after %d", err, settled, after)
		}
		events, after = events+len(found), settled
	}
	if events == 0 {
		t.Fatal("/changes gives nothing")
	}
}

// lastEntry is the last number in the tail of a journal.
func lastEntry(raw json.RawMessage) int {
	var tail struct {
		Segment int
		Notes   [][]any
	}
	if json.Unmarshal(raw, &tail) != nil {
		return -1
	}
	if len(tail.Notes) == 0 {
		return tail.Segment * journal.MaxChanges
	}
	return int(tail.Notes[len(tail.Notes)-1][0].(float64))
}

func TestAnAttemptWithAnUnknownOutcomeIsRememberedUntilItIsSettled(t *testing.T) {
	for _, given := range []error{nil, failure.NotFound("There is no such thing.")} {
		store, client := sidecartest.New(t)
		counters, outbox := told(client)
		attempts := 0
		store.Fail = func(key string, written bool) int {
			if strings.HasPrefix(key, "counter:") && !written {
				return 500
			}
			return 0
		}
		_, err := counters.Update(context.Background(), "1", func(document *counter, _ bool) (bool, error) {
			if attempts++; attempts > 1 {
				return false, given // what another process wrote meanwhile leaves nothing to do
			}
			document.Value++
			return true, nil
		})
		if failure.IsUnknown(err) != (given != nil) || attempts != 2 {
			t.Fatalf("%v after %d attempts", err, attempts)
		}
		keys := store.Keys("journal:counters:")
		if len(keys) != 1 {
			t.Fatalf("the journal is %v", keys)
		}
		stream := strings.TrimPrefix(keys[0], "journal:counters:")
		_, settled, err := outbox.Changes(context.Background(), stream, 0, journal.MaxChanges)
		if err != nil || settled != 0 {
			t.Fatalf("%v: the first attempt may still take effect, and is settled up to %d", err, settled)
		}
	}
}

func TestADocumentIsAddedOnce(t *testing.T) {
	_, client := sidecartest.New(t)
	counters, ctx := documents.New[counter](client, "counter"), context.Background()
	for value := range 2 {
		if err := counters.Add(ctx, "1", counter{value}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := counters.Get(ctx, "1", "2")
	if err != nil || len(found) != 1 || found["1"].Value != 0 {
		t.Fatalf("%v: %v", err, found)
	}
	counters.Delete(ctx, "1")
	if found, err = counters.Get(ctx, "1"); err != nil || len(found) != 0 {
		t.Fatalf("%v: %v", err, found)
	}
}

func TestOnlyWhatHasAnEventIsTold(t *testing.T) {
	store, client := sidecartest.New(t)
	_, outbox := told(client)
	isEven := func(document *counter) bool { return document.Value%2 == 0 }
	counters := documents.NewTold(client, "counter", outbox, isEven)
	for range 5 {
		if _, err := counters.Update(context.Background(), "1", increment); err != nil {
			t.Fatal(err)
		}
	}
	closeAll(outbox)
	versions := []int{}
	for _, event := range store.Published() {
		versions = append(versions, event.Entityversion)
	}
	if !slices.Equal(versions, []int{2, 4}) {
		t.Fatalf("the versions %v are told", versions)
	}
}

func TestAChangeDoesNotEndWithItsRequest(t *testing.T) {
	_, client := sidecartest.New(t)
	counters := documents.New[counter](client, "counter")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	begin := time.Now()
	changed, err := counters.Update(ctx, "1", increment)
	if err != nil || changed.Value != 1 {
		t.Errorf("%v: %v", err, changed)
	}
	if took := time.Since(begin); took > journal.CommitTimeout/2 {
		t.Errorf("it took %v", took)
	}
}
