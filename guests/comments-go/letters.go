package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

const maxDeadLetters = 1_000

// DeadLetters keeps the events that could not be handled.
type DeadLetters struct {
	letters *Collection[Letter]
	index   *Collection[letterIndex]
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

func NewDeadLetters(sidecar *Sidecar) *DeadLetters {
	return &DeadLetters{
		letters: &Collection[Letter]{kind: "dead-letter", sidecar: sidecar},
		index:   &Collection[letterIndex]{kind: "dead-letters", sidecar: sidecar},
	}
}

// Add keeps an event, a repeated one once.
func (d *DeadLetters) Add(ctx context.Context, topic string, event json.RawMessage, why string) error {
	digest := sha256.Sum256(append([]byte(topic+" "), compacted(event)...))
	id := hex.EncodeToString(digest[:])[:16]
	if err := d.letters.Add(ctx, id, Letter{id, topic, why, timestamp(time.Now()), event}); err != nil {
		return err
	}
	var dropped []string
	_, err := d.index.Update(ctx, "all", func(index *letterIndex, _ bool) (bool, error) {
		ids := append(without(index.IDs, id), id)
		excess := max(0, len(ids)-maxDeadLetters)
		dropped, index.IDs = ids[:excess], ids[excess:]
		return true, nil
	})
	d.letters.Delete(ctx, dropped...)
	return err
}

// All returns the dead letters, oldest first.
func (d *DeadLetters) All(ctx context.Context) ([]*Letter, error) {
	all := []*Letter{}
	found, err := d.index.Get(ctx, "all")
	if err != nil || found["all"] == nil {
		return all, err
	}
	ids := found["all"].IDs
	letters, err := d.letters.Get(ctx, ids...)
	for _, id := range ids {
		if letters[id] != nil {
			all = append(all, letters[id])
		}
	}
	return all, err
}

// Replay handles all of them again; those that fail are kept.
func (d *DeadLetters) Replay(
	ctx context.Context, handle func(context.Context, json.RawMessage) error,
) (int, map[string]string, error) {
	letters, err := d.All(ctx)
	if err != nil {
		return 0, nil, err
	}
	failed := map[string]string{}
	for _, letter := range letters {
		if err := handle(ctx, letter.Event); err != nil {
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
