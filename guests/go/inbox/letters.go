package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"microgram/guests/go/documents"
	"microgram/guests/go/ids"
	"microgram/guests/go/sidecar"
)

const maxDeadLetters = 1_000

// deadLetters keeps the events that could not be handled.
type deadLetters struct {
	letters *documents.Collection[Letter]
	index   *documents.Collection[letterIndex]
}

// Letter is an event that could not be handled, as it was received.
type Letter struct {
	ID    string          `json:"id"`
	Topic string          `json:"topic"`
	Why   string          `json:"why"`
	At    string          `json:"at"`
	Event json.RawMessage `json:"event"`
}

// letterIndex has the ids of all, oldest first.
type letterIndex struct {
	IDs []string `json:"ids"`
}

func newDeadLetters(client *sidecar.Client) *deadLetters {
	return &deadLetters{
		letters: documents.New[Letter](client, "dead-letter"),
		index:   documents.New[letterIndex](client, "dead-letters"),
	}
}

// add keeps an event, a repeated one once.
func (d *deadLetters) add(ctx context.Context, topic string, event json.RawMessage, why string) error {
	digest := sha256.Sum256(append([]byte(topic+" "), compacted(event)...))
	id := hex.EncodeToString(digest[:])[:16]
	if err := d.letters.Add(ctx, id, Letter{id, topic, why, ids.Timestamp(time.Now()), event}); err != nil {
		return err
	}
	var dropped []string
	_, err := d.index.Update(ctx, "all", func(index *letterIndex, _ bool) (bool, error) {
		kept := append(without(index.IDs, id), id)
		excess := max(0, len(kept)-maxDeadLetters)
		dropped, index.IDs = kept[:excess], kept[excess:]
		return true, nil
	})
	d.letters.Delete(ctx, dropped...)
	return err
}

// all returns the dead letters, oldest first.
func (d *deadLetters) all(ctx context.Context) ([]*Letter, error) {
	ordered := []*Letter{}
	found, err := d.index.Get(ctx, "all")
	if err != nil || found["all"] == nil {
		return ordered, err
	}
	named := found["all"].IDs
	letters, err := d.letters.Get(ctx, named...)
	for _, id := range named {
		if letters[id] != nil {
			ordered = append(ordered, letters[id])
		}
	}
	return ordered, err
}

// replay handles all of them again; those that fail are kept.
func (d *deadLetters) replay(
	ctx context.Context, handle func(ctx context.Context, topic string, event json.RawMessage) error,
) (int, map[string]string, error) {
	letters, err := d.all(ctx)
	if err != nil {
		return 0, nil, err
	}
	failed := map[string]string{}
	for _, letter := range letters {
		if err := handle(ctx, letter.Topic, letter.Event); err != nil {
			failed[letter.ID] = err.Error()
			continue
		}
		_, err := d.index.Update(ctx, "all", func(index *letterIndex, _ bool) (bool, error) {
			index.IDs = without(index.IDs, letter.ID)
			return true, nil
		})
		if err != nil {
			return 0, nil, err
		}
		d.letters.Delete(ctx, letter.ID)
	}
	return len(letters) - len(failed), failed, nil
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(each string) bool { return each == id })
}

// compacted is an event in a form that is the same however it was written.
func compacted(raw json.RawMessage) []byte {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return raw
	}
	form, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return form
}
