package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

type counter struct {
	Value int `json:"value"`
}

func increment(document *counter, _ bool) (bool, error) {
	document.Value++
	return true, nil
}

// published is a collection whose changes are events, of an outbox that does not send them.
func published(sidecar *Sidecar) *Collection[counter] {
	toData := func(_ string, data json.RawMessage) (any, error) { return data, nil }
	outbox := &Outbox{
		topic: "counters", kind: "counter", eventType: "counter.changed", sidecar: sidecar, toData: toData,
		journal: NewJournal("counters", sidecar), queue: make(chan map[string]any, 1_000),
	}
	outbox.journal.toEvent = outbox.event
	always := func(*counter) bool { return true }
	return &Collection[counter]{kind: "counter", sidecar: sidecar, outbox: outbox, hasEvent: always}
}

func TestAWriteWithAnUnknownOutcomeHappensOnce(t *testing.T) {
	for _, happened := range []bool{false, true} {
		store, sidecar := newStore(t)
		counters, failures := published(sidecar), 3
		store.fail = func(key string, written bool) int {
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
		if len(counters.outbox.queue) != 4 {
			t.Fatalf("%d events instead of 4", len(counters.outbox.queue))
		}
	}
}

func TestTheJournalIsWrittenBeforeTheDocument(t *testing.T) {
	store, sidecar := newStore(t)
	counters := published(sidecar)
	store.fail = func(key string, written bool) int {
		if strings.HasPrefix(key, "counter:") && written {
			envelope, _ := readEnvelope(store.values[key])
			var tail Tail
			err := json.Unmarshal(store.values[counters.outbox.journal.tailKey(envelope.Change.Stream)], &tail)
			if err != nil || tail.last() < envelope.Change.Sequence {
				t.Errorf("%v: change %d has no entry", err, envelope.Change.Sequence)
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
		found, settled, err := counters.outbox.journal.Changes(
			context.Background(), counters.outbox.journal.Stream, after, journalSegment)
		if err != nil || settled <= after {
			t.Fatalf("%v: settled up to %d after %d", err, settled, after)
		}
		events, after = events+len(found), settled
	}
	if events == 0 {
		t.Fatal("/changes gives nothing")
	}
}

func TestAnAttemptWithAnUnknownOutcomeIsRememberedUntilItIsSettled(t *testing.T) {
	for _, failure := range []error{nil, notFound("There is no such thing.")} {
		store, sidecar := newStore(t)
		counters, attempts := published(sidecar), 0
		store.fail = func(key string, written bool) int {
			if strings.HasPrefix(key, "counter:") && !written {
				return 500
			}
			return 0
		}
		_, err := counters.Update(context.Background(), "1", func(document *counter, _ bool) (bool, error) {
			if attempts++; attempts > 1 {
				return false, failure // what another process wrote meanwhile leaves nothing to do
			}
			document.Value++
			return true, nil
		})
		if isUnknown(err) != (failure != nil) || attempts != 2 {
			t.Fatalf("%v after %d attempts", err, attempts)
		}
		if len(counters.outbox.journal.uncommitted) != 1 {
			t.Fatal("The first attempt may still take effect, and would have no event.")
		}
	}
}
