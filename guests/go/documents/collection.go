// Package documents stores documents with compare-and-swap, and tells others of their changes.
package documents

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar"
)

// Collection is all documents of one kind.
type Collection[T any] struct {
	kind     string
	sidecar  *sidecar.Client
	ttl      time.Duration
	outbox   *journal.Outbox
	hasEvent func(document *T) bool
	locks    sync.Map
}

// New returns the collection of a kind, whose changes nobody is told of.
func New[T any](client *sidecar.Client, kind string) *Collection[T] {
	return &Collection[T]{kind: kind, sidecar: client}
}

// NewExpiring returns a collection whose documents go some time after their last change.
func NewExpiring[T any](client *sidecar.Client, kind string, ttl time.Duration) *Collection[T] {
	return &Collection[T]{kind: kind, sidecar: client, ttl: ttl}
}

// NewTold returns a collection whose changes are published, where hasEvent says so; nil: always.
func NewTold[T any](
	client *sidecar.Client, kind string, outbox *journal.Outbox, hasEvent func(document *T) bool,
) *Collection[T] {
	if hasEvent == nil {
		hasEvent = func(*T) bool { return true }
	}
	return &Collection[T]{kind: kind, sidecar: client, outbox: outbox, hasEvent: hasEvent}
}

// Key returns the key of a document.
func (c *Collection[T]) Key(id string) string { return c.kind + ":" + id }

// Change changes a document in place, and tells whether it did. One that does not exist is empty.
type Change[T any] func(document *T, exists bool) (bool, error)

// Update changes one document, whoever else changes it, and returns it as it is then. It takes at most
// journal.CommitTimeout, and does not end with the request: half of a change helps nobody.
func (c *Collection[T]) Update(ctx context.Context, id string, change Change[T]) (*T, error) {
	ctx = context.WithoutCancel(ctx)
	lock, _ := c.locks.LoadOrStore(id, &sync.Mutex{}) // one process does not compete with itself
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	defer c.locks.CompareAndDelete(id, lock)
	commit := &commit{
		sidecar: c.sidecar, outbox: c.outbox, key: c.Key(id), ttl: c.ttl,
		deadline: time.Now().Add(journal.CommitTimeout),
	}
	var document *T
	err := commit.run(ctx, func(before json.RawMessage) (json.RawMessage, bool, error) {
		document = new(T)
		if before != nil {
			if err := json.Unmarshal(before, document); err != nil {
				return nil, false, err
			}
		}
		isChanged, err := change(document, before != nil)
		if err != nil || !isChanged {
			return nil, false, err
		}
		after, err := json.Marshal(document)
		return after, c.outbox != nil && c.hasEvent(document), err
	})
	return document, err
}

// Set writes a document, whatever is there.
func (c *Collection[T]) Set(ctx context.Context, id string, document T) error {
	_, err := c.Update(ctx, id, func(now *T, _ bool) (bool, error) {
		*now = document
		return true, nil
	})
	return err
}

// Add writes a document unless there is one.
func (c *Collection[T]) Add(ctx context.Context, id string, document T) error {
	_, err := c.Update(ctx, id, func(now *T, exists bool) (bool, error) {
		if !exists {
			*now = document
		}
		return !exists, nil
	})
	return err
}

// Get reads documents in one call; absent ones are not in the result, by id.
func (c *Collection[T]) Get(ctx context.Context, ids ...string) (map[string]*T, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = c.Key(id)
	}
	envelopes, err := sidecar.ReadAs[journal.Envelope](ctx, c.sidecar, keys...)
	if err != nil {
		return nil, err
	}
	found := map[string]*T{}
	for _, id := range ids {
		if document, err := c.From(envelopes, id); err != nil {
			return nil, err
		} else if document != nil {
			found[id] = document
		}
	}
	return found, nil
}

// From returns a document from some that were read together; nil if it is not among them.
func (c *Collection[T]) From(envelopes map[string]*journal.Envelope, id string) (*T, error) {
	envelope := envelopes[c.Key(id)]
	if envelope == nil {
		return nil, nil
	}
	document := new(T)
	return document, json.Unmarshal(envelope.Data, document)
}

// Delete removes documents that nothing names any more. What is left behind does no harm.
func (c *Collection[T]) Delete(ctx context.Context, ids ...string) {
	for _, id := range ids {
		_ = c.sidecar.Delete(ctx, c.Key(id))
	}
}
