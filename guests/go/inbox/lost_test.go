package inbox

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"microgram/guests/go/sidecar/sidecartest"
)

func lostEvent(sequence int) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{
		"id": "1", "type": "post.changed", "source": "posts", "subject": "1", "stream": "s",
		"sequence": sequence, "entityversion": sequence, "data": map[string]any{},
	})
	return raw
}

// losing returns an inbox of two topics of one producer, which has told an event of posts that never
// came.
func losing(t *testing.T, handled *int) (*Inbox, *sidecartest.Store) {
	store, client := sidecartest.New(t)
	made := New(client)
	made.Subscribe("posts", "posts", map[string]Handler{
		"post.changed": func(context.Context, *Event) error { *handled++; return nil },
	})
	made.Subscribe("drafts", "posts", map[string]Handler{})
	store.Answer("posts", "changes", map[string]any{"posts": map[string]int{"s": 1}})
	store.Answer("posts", "changes/posts/s", map[string]any{
		"events": []json.RawMessage{lostEvent(1)}, "settled": 1,
	})
	return made, store
}

// poll asks once, as the inbox does every few seconds.
func (i *Inbox) poll() error {
	_, err := i.reconcile(context.Background(), "posts", i.subscriptions)
	return err
}

func TestAnOutageOfTheStoreEndsNothing(t *testing.T) {
	handled := 0
	made, store := losing(t, &handled)
	store.FailRead = func(keys []string) int { // of one topic: the reads are repeated for 8 s
		if slices.Contains(keys, "inbox:posts") {
			return 500
		}
		return 0
	}
	if err := made.poll(); err == nil {
		t.Fatal("the positions are stored without a store")
	}
	store.FailRead = nil
	for range 2 {
		if err := made.poll(); err != nil {
			t.Fatal(err)
		}
	}
	if handled != 1 {
		t.Errorf("handled %d times", handled)
	}
}

func TestALongDeliveryOfOneTopicDelaysNoOther(t *testing.T) {
	for topic, expected := range map[string]int{"drafts": 1, "posts": 0} {
		handled := 0
		made, _ := losing(t, &handled)
		busy, err := made.subscription(topic)
		if err != nil {
			t.Fatal(err)
		}
		defer busy.begin()()
		for range 2 {
			if err := made.poll(); err != nil {
				t.Fatal(err)
			}
		}
		if handled != expected {
			t.Errorf("while %s are handled: %d", topic, handled)
		}
	}
}

func TestAStreamThatTheProducerForgetsIsForgotten(t *testing.T) {
	handled := 0
	made, store := losing(t, &handled)
	posts := made.subscriptions[0]
	posts.markReceived("s", 1, 1)
	posts.markReceived("new", 1, 1) // its producer tells of it a moment later
	for _, heads := range []map[string]int{{"s": 1}, {}} {
		store.Answer("posts", "changes", map[string]any{"posts": heads})
		if err := made.poll(); err != nil {
			t.Fatal(err)
		}
	}
	if posts.received["s"] != nil || posts.received["new"] == nil || len(posts.tops) != 0 {
		t.Errorf("%v, %v", posts.received, posts.tops)
	}
}
