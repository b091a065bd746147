package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"strings"
	"sync"
	"time"
)

// ChangeID names the change that made a document's present version.
type ChangeID struct {
	Stream      string `json:"stream"`
	Sequence    int    `json:"sequence"`
	Time        string `json:"time"`
	Traceparent string `json:"traceparent"`
}

// Envelope is the form in which every document is stored.
type Envelope struct {
	Schema  int             `json:"schema"`
	Version int             `json:"version"`
	Change  ChangeID        `json:"change"`
	Data    json.RawMessage `json:"data"`
}

func readEnvelope(raw json.RawMessage) (*Envelope, error) {
	var envelope Envelope
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return nil, fmt.Errorf("a stored document has no envelope: %w", err)
	}
	return &envelope, nil
}

// Collection is all documents of one kind. With an outbox each change of one is published that
// hasEvent says has an event.
type Collection[T any] struct {
	kind     string
	sidecar  *Sidecar
	outbox   *Outbox
	hasEvent func(document *T) bool
	locks    sync.Map
}

func (c *Collection[T]) Key(id string) string { return c.kind + ":" + id }

// Change changes a document in place, and tells whether it did. One that does not exist is empty.
type Change[T any] func(document *T, exists bool) (bool, error)

// Update changes one document, whoever else changes it, and returns it as it is then.
func (c *Collection[T]) Update(ctx context.Context, id string, change Change[T]) (*T, error) {
	lock, _ := c.locks.LoadOrStore(id, &sync.Mutex{}) // one process does not compete with itself
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	defer c.locks.CompareAndDelete(id, lock)
	commit := &commit{
		sidecar: c.sidecar, outbox: c.outbox, key: c.Key(id), deadline: time.Now().Add(commitTimeout),
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
	envelopes, err := readAs[Envelope](ctx, c.sidecar, keys...)
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
func (c *Collection[T]) From(envelopes map[string]*Envelope, id string) (*T, error) {
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

// decide returns the new data of a document, and whether that has an event; nil changes nothing.
type decide func(before json.RawMessage) (after json.RawMessage, hasEvent bool, err error)

// commit is one compare-and-swap of one document, with its repetitions.
type commit struct {
	sidecar        *Sidecar
	outbox         *Outbox
	key            string
	deadline       time.Time
	note           *Note
	change         *ChangeID
	unknownVersion int
	isUnseen       bool
}

func (c *commit) run(ctx context.Context, decide decide) error {
	envelope, err := c.attempt(ctx, decide)
	switch {
	case c.note == nil:
	case envelope != nil:
		c.outbox.enqueue(c.key, *envelope)
	default:
		c.outbox.journal.Discard(c.note.Sequence, c.mayHappen() || isUnknown(err))
	}
	return err
}

// attempt returns the envelope that it has written; none if nothing was to change.
func (c *commit) attempt(ctx context.Context, decide decide) (*Envelope, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		entry, envelope, err := c.load(ctx)
		if err != nil {
			return nil, c.outcome(err)
		}
		c.isUnseen = false
		if isDone, err := c.didCommit(envelope); err != nil {
			return nil, err
		} else if isDone {
			return envelope, nil
		}
		next := Envelope{Schema: 1, Version: 1}
		var before json.RawMessage
		if envelope != nil {
			before, next.Version = envelope.Data, envelope.Version+1
		}
		data, hasEvent, err := decide(before)
		if err != nil {
			return nil, c.outcome(err)
		}
		if data == nil {
			return nil, nil
		}
		c.begin(ctx, hasEvent)
		next.Change, next.Data = *c.change, data
		err = c.write(ctx, next, entry)
		if err == nil {
			return &next, nil
		}
		c.isUnseen = errors.Is(err, errConflict) // it may be the conflict with an own earlier attempt
		if !(c.isUnseen || isTemporary(err)) || !c.wait(pause) {
			return nil, c.outcome(err)
		}
	}
}

func isTemporary(err error) bool {
	var failure *Failure
	return errors.As(err, &failure) && (failure.Status == 503 || failure.Status == 504)
}

// mayHappen tells whether an earlier attempt has written the document, or still may.
func (c *commit) mayHappen() bool { return c.isUnseen || c.unknownVersion > 0 }

func (c *commit) outcome(err error) error {
	if c.mayHappen() {
		return outcomeUnknown(err.Error())
	}
	if errors.Is(err, errConflict) || isUnknown(err) {
		return unavailable(c.key + " cannot be changed now: " + err.Error())
	}
	return err
}

// begin names the change. All attempts are one, unless a later one needs an event and none before.
func (c *commit) begin(ctx context.Context, hasEvent bool) {
	if c.note == nil && hasEvent {
		note, change := c.outbox.journal.Begin(ctx, c.key)
		c.note, c.change = note, &change
	} else if c.change == nil {
		c.change = &ChangeID{Sequence: rand.Intn(1 << 52)}
	}
}

// write stores a document, if it still is as it was read, after the note of its change.
func (c *commit) write(ctx context.Context, next Envelope, entry *Entry) error {
	if c.note != nil {
		if err := c.outbox.journal.Write(ctx, c.note); err != nil {
			return unavailable("The journal cannot be written: " + err.Error())
		}
	}
	write := Upsert{Key: c.key, Value: next}
	if entry != nil {
		write.ETag = entry.ETag
	}
	err := c.sidecar.Swap(ctx, write)
	if isUnknown(err) {
		c.unknownVersion = next.Version
	}
	return err
}

// didCommit tells whether the document shows that the last attempt has written it.
func (c *commit) didCommit(envelope *Envelope) (bool, error) {
	if envelope == nil || c.change == nil {
		return false, nil
	}
	if envelope.Change.Stream == c.change.Stream && envelope.Change.Sequence == c.change.Sequence {
		return true, nil
	}
	if c.unknownVersion > 0 && envelope.Version > c.unknownVersion {
		return false, outcomeUnknown("The outcome of a write to " + c.key + " is unknown.")
	}
	if envelope.Version == c.unknownVersion {
		c.unknownVersion = 0
	}
	return false, nil
}

func (c *commit) load(ctx context.Context) (*Entry, *Envelope, error) {
	for {
		entries, err := c.sidecar.Get(ctx, c.key)
		if err == nil {
			entry, exists := entries[c.key]
			if !exists {
				return nil, nil, nil
			}
			envelope, err := readEnvelope(entry.Value)
			return &entry, envelope, err
		}
		if !isTemporary(err) || !c.wait(100*time.Millisecond) {
			return nil, nil, err
		}
	}
}

func (c *commit) wait(pause time.Duration) bool {
	if time.Now().Add(pause).After(c.deadline) {
		return false
	}
	time.Sleep(time.Duration(float64(pause) * (0.5 + rand.Float64())))
	return true
}

const (
	maxEvents       = 50
	maxEventBytes   = 256 << 10
	publishInterval = 50 * time.Millisecond
	maxBacklog      = 10_000
)

// Outbox publishes the events of committed documents of one topic in the background.
type Outbox struct {
	topic, kind, eventType string
	toData                 func(id string, data json.RawMessage) (any, error)
	sidecar                *Sidecar
	journal                *Journal
	queue                  chan map[string]any
	idle                   sync.WaitGroup
}

func NewOutbox(
	topic, kind, eventType string, sidecar *Sidecar,
	toData func(id string, data json.RawMessage) (any, error),
) *Outbox {
	outbox := &Outbox{
		topic: topic, kind: kind, eventType: eventType, sidecar: sidecar,
		toData:  toData,
		journal: NewJournal(topic, sidecar), queue: make(chan map[string]any, maxBacklog),
	}
	outbox.journal.toEvent = outbox.event
	go outbox.publishAll()
	return outbox
}

// enqueue publishes the event of a committed document in the background.
func (o *Outbox) enqueue(key string, envelope Envelope) {
	o.journal.Committed(envelope.Change.Sequence)
	event := o.event(key, envelope)
	if event == nil {
		o.journal.Published(envelope.Change.Sequence)
		return
	}
	o.idle.Add(1)
	select {
	case o.queue <- event:
	default: // consumers ask for it later
		o.journal.Published(envelope.Change.Sequence)
		o.idle.Done()
	}
}

func (o *Outbox) publishAll() {
	for first := range o.queue {
		batch, size := []map[string]any{first}, sizeOf(first)
		for len(o.queue) > 0 && len(batch) < maxEvents && size < maxEventBytes/2 {
			next := <-o.queue
			size += sizeOf(next)
			batch = append(batch, next)
		}
		o.publish(batch)
		for _, event := range batch {
			o.journal.Published(event["sequence"].(int))
			o.idle.Done()
		}
		time.Sleep(publishInterval)
	}
}

func (o *Outbox) publish(batch []map[string]any) {
	first, last := batch[0]["id"], batch[len(batch)-1]["id"]
	message := map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%s+%d:%s", first, len(batch), last),
		"source": service, "type": "events", "datacontenttype": "application/json",
		"data": map[string]any{"events": batch},
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := o.sidecar.Publish(context.Background(), o.topic, message)
		if err == nil {
			return
		}
		slog.Warn("could not publish, will retry", "topic", o.topic, "why", err.Error())
		time.Sleep(pause)
	}
}

func (o *Outbox) event(key string, envelope Envelope) map[string]any {
	kind, id, _ := strings.Cut(key, ":")
	if kind != o.kind {
		return nil
	}
	data, err := o.toData(id, envelope.Data)
	if err != nil {
		slog.Error("a document has no event", "key", key, "why", err.Error())
		return nil
	}
	return map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%s:%s@%d", service, key, envelope.Version),
		"source": service, "type": o.eventType, "subject": id,
		"time": envelope.Change.Time, "datacontenttype": "application/json",
		"traceparent": envelope.Change.Traceparent, "topic": o.topic,
		"stream": envelope.Change.Stream, "sequence": envelope.Change.Sequence,
		"entityversion": envelope.Version, "schemaversion": envelope.Schema, "data": data,
	}
}

func sizeOf(event map[string]any) int {
	raw, _ := json.Marshal(event)
	return len(raw)
}

// Close waits until all is published, as long as the context allows.
func (o *Outbox) Close(ctx context.Context) {
	done := make(chan struct{})
	go func() { o.idle.Wait(); close(done) }()
	select {
	case <-done:
		_ = o.journal.Write(ctx, nil) // it says what was published
	case <-ctx.Done():
	}
}
