package journal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"microgram/guests/go/documents"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar"
	"microgram/guests/go/sidecar/sidecartest"
)

const maxMessage = 256 << 10 // bytes, as docs/protocol.md 3.2 has it

type letter struct {
	Text string `json:"text"`
}

func letters(client *sidecar.Client) (*documents.Collection[letter], *journal.Outbox) {
	outbox := journal.NewOutbox(client, journal.Told{
		Service: "post", Topic: "letters", Kind: "letter", Type: "letter.changed",
		ToData: func(_ string, data json.RawMessage) (any, error) { return data, nil },
	})
	return documents.NewTold[letter](client, "letter", outbox, nil), outbox
}

func TestAMessageHasABoundInBytes(t *testing.T) {
	store, client := sidecartest.New(t)
	stored, outbox := letters(client)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	kibibytes := []int{100, 100, 200, 20, 100, 200, 20, 100} // 300 must not be one message
	for i, size := range kibibytes {
		if err := stored.Set(ctx, strconv.Itoa(i), letter{strings.Repeat("x", size<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	outbox.Close(ctx)
	for i, size := range store.Sizes() {
		if size > maxMessage {
			t.Errorf("message %d has %d bytes", i, size)
		}
	}
	told := store.Published()
	for i, event := range told {
		if len(told) != len(kibibytes) || event.Subject != strconv.Itoa(i) {
			t.Errorf("event %d of %d is of %s", i, len(told), event.Subject)
		}
	}
	if sizes := store.Sizes(); len(sizes) == len(kibibytes) {
		t.Errorf("each event has a message: %v", sizes)
	}
}

func TestAnOutboxClosesInTimeWhateverTheStoreDoes(t *testing.T) {
	store, client := sidecartest.New(t)
	_, outbox := letters(client)
	release := make(chan bool)
	defer close(release)
	store.Fail = func(string, bool) int { <-release; return 0 }
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	outbox.Close(ctx)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestExpiredSegmentsAreSkippedAndNoOther(t *testing.T) {
	for _, expired := range []int{1, 3, 5} {
		store, client := sidecartest.New(t)
		stored, outbox := letters(client)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		const full, more = 5, 7
		for i := range full*journal.MaxChanges + more {
			if err := stored.Set(ctx, strconv.Itoa(i), letter{}); err != nil {
				t.Fatal(err)
			}
		}
		outbox.Close(ctx)
		stream := streamOf(t, ctx, outbox)
		for segment := range expired {
			key := fmt.Sprintf("journal:letters:%s:%d", stream, segment)
			if store.Value(key) == nil {
				t.Fatalf("there is no %s", key)
			}
			if err := client.Delete(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
		given := 0
		for after, last := 0, full*journal.MaxChanges+more; after < last; {
			events, settled, err := outbox.Changes(ctx, stream, after, journal.MaxChanges)
			if err != nil || settled <= after {
				t.Fatalf("after %d: settled %d, %v", after, settled, err)
			}
			given, after = given+len(events), settled
		}
		if kept := (full-expired)*journal.MaxChanges + more; given != kept {
			t.Errorf("%d expired: it gives %d events of %d", expired, given, kept)
		}
	}
}

// streamOf returns the name of the only stream of an outbox.
func streamOf(t *testing.T, ctx context.Context, outbox *journal.Outbox) string {
	heads, err := outbox.Heads(ctx)
	if err != nil || len(heads) != 1 {
		t.Fatalf("heads: %v, %v", heads, err)
	}
	for stream := range heads {
		return stream
	}
	return ""
}
