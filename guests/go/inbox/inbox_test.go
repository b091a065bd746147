package inbox_test

import (
	"context"
	"encoding/json"
	"testing"

	"microgram/guests/go/failure"
	"microgram/guests/go/inbox"
	"microgram/guests/go/sidecar/sidecartest"
)

func event(subject, kind, source, data string) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{
		"id": subject, "type": kind, "source": source, "subject": subject, "stream": "s",
		"topic": "posts", "sequence": 1, "entityversion": 1, "data": json.RawMessage(data),
	})
	return raw
}

func posts(t *testing.T, handle inbox.Handler) *inbox.Inbox {
	_, client := sidecartest.New(t)
	made := inbox.New(client)
	made.Subscribe("posts", "posts", map[string]inbox.Handler{"post.changed": handle})
	made.Subscribe("orders", "orders", map[string]inbox.Handler{"order.changed": handle})
	return made
}

func TestALetterWhoseHandlerPanicsDoesNotEndTheReplay(t *testing.T) {
	isMended := false
	made := posts(t, func(_ context.Context, event *inbox.Event) error {
		if event.Subject == "1" || !isMended {
			panic("no such thing")
		}
		return nil
	})
	ctx := context.Background()
	events := []json.RawMessage{event("1", "post.changed", "posts", "{}"), event("2", "post.changed", "posts", "{}")}
	if err := made.Receive(ctx, "posts", events); err != nil {
		t.Fatal(err)
	}
	isMended = true
	replayed, failed, err := made.Replay(ctx)
	if replayed != 1 || len(failed) != 1 || err != nil {
		t.Fatalf("%d replayed, failed: %v, %v", replayed, failed, err)
	}
}

func TestPoisonIsKeptAndTheOthersAreHandled(t *testing.T) {
	handled := 0
	made := posts(t, func(_ context.Context, event *inbox.Event) error {
		var post struct{ ID string }
		if err := event.Decode(&post, "id"); err != nil {
			return err
		}
		handled++
		return nil
	})
	events := []json.RawMessage{
		event("1", "post.changed", "orders", `{"id": "1"}`), event("2", "post.changed", "posts", `{"id": null}`),
		event("3", "post.changed", "posts", `{"id": 3}`), event("4", "post.changed", "posts", `{"id": "4"}`),
		event("5", "something.new", "posts", `{}`), []byte(`{"no": "event"}`),
	}
	ctx := context.Background()
	if err := made.Receive(ctx, "posts", events); err != nil {
		t.Fatal(err)
	}
	letters, err := made.DeadLetters(ctx)
	if err != nil || handled != 1 || len(letters) != 4 || letters[0].Topic != "posts" {
		t.Fatalf("%v: %d handled, %d letters", err, handled, len(letters))
	}
}

func TestWhatFailsForNowComesAgain(t *testing.T) {
	made := posts(t, func(context.Context, *inbox.Event) error { return failure.Unavailable("Not now.") })
	ctx := context.Background()
	if err := made.Receive(ctx, "posts", []json.RawMessage{event("1", "post.changed", "posts", "{}")}); err == nil {
		t.Fatal("it is acknowledged")
	}
	if letters, err := made.DeadLetters(ctx); err != nil || len(letters) != 0 {
		t.Fatalf("%v: %d letters", err, len(letters))
	}
}

func TestTheNewestEventOfADocumentIsHandledAlone(t *testing.T) {
	versions := []int{}
	made := posts(t, func(_ context.Context, event *inbox.Event) error {
		versions = append(versions, event.Entityversion)
		return nil
	})
	newer := []byte(`{"id": "a", "type": "post.changed", "source": "posts", "subject": "1", "stream": "s",
		"sequence": 2, "entityversion": 2, "data": {}}`)
	older := event("1", "post.changed", "posts", "{}")
	if err := made.Receive(context.Background(), "posts", []json.RawMessage{newer, older}); err != nil {
		t.Fatal(err)
	}
	if len(versions) != 1 || versions[0] != 2 {
		t.Fatalf("%v", versions)
	}
}

func TestWhatTheSidecarGaveUpIsKeptUnderTheTopicThatItNames(t *testing.T) {
	_, client := sidecartest.New(t)
	made := inbox.New(client)
	wrong := func(context.Context, *inbox.Event) error { return inbox.Poison{Why: "It is wrong."} }
	made.Subscribe("posts", "posts", map[string]inbox.Handler{"post.changed": wrong})
	made.Subscribe("orders", "orders", map[string]inbox.Handler{"order.changed": wrong})
	ctx := context.Background()
	orders := `{"type": "events", "topic": "orders", "data": {"events": [{"id": "1", "type": "order.changed",
		"source": "orders", "subject": "1", "stream": "s", "sequence": 1, "entityversion": 1, "data": {}}]}}`
	for _, body := range []string{orders, "no message"} {
		if err := made.ReceiveDead(ctx, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := made.DeadLetters(ctx)
	if err != nil || len(letters) != 2 || letters[0].Topic != "orders" || letters[1].Topic != "unknown" {
		t.Fatalf("%v: %v", err, letters)
	}
}

// twoTopics returns an inbox that counts the orders that it handles.
func twoTopics(t *testing.T, handled *int) *inbox.Inbox {
	_, client := sidecartest.New(t)
	made := inbox.New(client)
	made.Subscribe("posts", "posts", map[string]inbox.Handler{})
	made.Subscribe("orders", "orders", map[string]inbox.Handler{
		"order.changed": func(context.Context, *inbox.Event) error { *handled++; return nil },
	})
	return made
}

func TestAnEventOfAnotherTopicIsPoisonHoweverItComes(t *testing.T) {
	handled, ctx := 0, context.Background()
	made := twoTopics(t, &handled)
	forged := event("1", "order.changed", "orders", "{}")
	if err := made.Receive(ctx, "posts", []json.RawMessage{forged}); err != nil {
		t.Fatal(err)
	}
	message := `{"type": "events", "topic": "posts", "data": {"events": [{"id": "2", "type": "order.changed",
		"source": "orders", "subject": "2", "stream": "s", "topic": "orders", "sequence": 1,
		"entityversion": 1, "data": {}}]}}`
	if err := made.ReceiveDead(ctx, []byte(message)); err != nil {
		t.Fatal(err)
	}
	replayed, failed, err := made.Replay(ctx)
	if err != nil || replayed != 0 || len(failed) != 2 || handled != 0 {
		t.Fatalf("%v: %d replayed, failed: %v, %d handled", err, replayed, failed, handled)
	}
	if err := made.Receive(ctx, "orders", []json.RawMessage{forged}); err != nil || handled != 1 {
		t.Fatalf("%v: %d handled", err, handled)
	}
}

func TestWhatTheSidecarGaveUpIsHandledOnceMore(t *testing.T) {
	handled := 0
	made := twoTopics(t, &handled)
	message := `{"type": "events", "topic": "orders", "data": {"events": [{"id": "1", "type": "order.changed",
		"source": "orders", "subject": "1", "stream": "", "sequence": 1, "entityversion": 1, "data": {}}]}}`
	if err := made.ReceiveDead(context.Background(), []byte(message)); err != nil || handled != 1 {
		t.Fatalf("%v: %d handled", err, handled)
	}
}
