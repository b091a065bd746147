package main

import (
	"context"
	"encoding/json"
	"testing"
)

func TestALetterWhoseHandlerPanicsDoesNotEndTheReplay(t *testing.T) {
	_, sidecar := newStore(t)
	inbox := NewInbox(sidecar, func(_ context.Context, event *Event) error {
		if event.Subject == "1" {
			panic("no such thing")
		}
		return nil
	})
	for _, subject := range []string{"1", "2"} {
		event, _ := json.Marshal(map[string]any{
			"id": subject, "type": postChanged, "source": producer, "subject": subject, "stream": "s",
			"sequence": 1, "entityversion": 1, "data": map[string]any{},
		})
		if err := inbox.letters.Add(context.Background(), topicPosts, event, "It failed."); err != nil {
			t.Fatal(err)
		}
	}
	replayed, failed, err := inbox.letters.Replay(context.Background(), inbox.receiveOne)
	if replayed != 1 || len(failed) != 1 || err != nil {
		t.Fatalf("%d replayed, failed: %v, %v", replayed, failed, err)
	}
}
