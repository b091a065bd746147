package main

import (
	"bytes"
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

// Change names the change that made a document's present version.
type Change struct {
	Stream      string `json:"stream"`
	Sequence    int    `json:"sequence"`
	Time        string `json:"time"`
	Traceparent string `json:"traceparent"`
}

// Envelope is the form in which every document is stored.
type Envelope struct {
	Schema  int             `json:"schema"`
	Version int             `json:"version"`
	Change  Change          `json:"change"`
	Data    json.RawMessage `json:"data"`
}

func readEnvelope(raw json.RawMessage) (*Envelope, error) {
	var envelope Envelope
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return nil, fmt.Errorf("a stored document has no envelope: %w", err)
	}
	return &envelope, nil
}

// Collection is all documents of one kind. With an outbox each change of one is published.
type Collection struct {
	kind    string
	sidecar *Sidecar
	outbox  *Outbox
	locks   sync.Map
}

// Decide returns the new data of a document, given the present one (nil: there is none). The same
// data, or nil, means no change.
type Decide func(data json.RawMessage) (json.RawMessage, error)

func (c *Collection) Key(id string) string { return c.kind + ":" + id }

// Update changes one document, whoever else changes it, and returns its data after the change.
func (c *Collection) Update(ctx context.Context, id string, decide Decide) (json.RawMessage, error) {
	lock, _ := c.locks.LoadOrStore(id, &sync.Mutex{}) // one process does not compete with itself
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	defer c.locks.CompareAndDelete(id, lock)
	attempt := &commit{collection: c, key: c.Key(id), deadline: time.Now().Add(commitTimeout)}
	data, err := attempt.run(ctx, decide)
	if attempt.note != nil && !attempt.isDone {
		c.outbox.journal.Discard(attempt.note.Sequence, isUnknown(err))
	}
	return data, err
}

// Get reads documents in one call; absent ones are not in the result, by id.
func (c *Collection) Get(ctx context.Context, ids ...string) (map[string]json.RawMessage, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = c.Key(id)
	}
	entries, err := c.sidecar.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	found := map[string]json.RawMessage{}
	for key, entry := range entries {
		envelope, err := readEnvelope(entry.Value)
		if err != nil {
			return nil, err
		}
		found[strings.TrimPrefix(key, c.kind+":")] = envelope.Data
	}
	return found, nil
}

// commit is one compare-and-swap of one document, with its repetitions.
type commit struct {
	collection     *Collection
	key            string
	deadline       time.Time
	note           *Note
	change         *Change
	isRecorded     bool
	isDone         bool
	unknownVersion int
	isUnseen       bool
}

func (c *commit) run(ctx context.Context, decide Decide) (json.RawMessage, error) {
	pause := 5 * time.Millisecond
	entry, envelope, err := c.load(ctx)
	for {
		if err != nil {
			return nil, c.outcome(err)
		}
		var before json.RawMessage
		version := 1
		if envelope != nil {
			before, version = envelope.Data, envelope.Version+1
		}
		data, err := decide(before)
		if err != nil {
			return nil, err
		}
		if data == nil || bytes.Equal(data, before) {
			return before, nil
		}
		c.begin(ctx, data)
		next := Envelope{1, version, *c.change, data}
		if failure := c.swap(ctx, next, entry); failure == nil {
			c.finish(next)
			return data, nil
		} else if !errors.Is(failure, errConflict) && !isTemporary(failure) {
			return nil, c.outcome(failure)
		} else {
			c.isUnseen = errors.Is(failure, errConflict)
			isLast := !c.wait(pause)
			pause = min(2*pause, 250*time.Millisecond)
			entry, envelope, err = c.load(ctx)
			if err != nil {
				return nil, c.outcome(err)
			}
			c.isUnseen = false
			isDone, unknown := c.didCommit(envelope)
			if unknown != nil {
				return nil, unknown
			}
			if isDone {
				c.finish(*envelope)
				return envelope.Data, nil
			}
			if isLast {
				return nil, c.outcome(failure)
			}
		}
	}
}

func isTemporary(err error) bool {
	var failure *Failure
	return errors.As(err, &failure) && (failure.Status == 503 || failure.Status == 504)
}

func (c *commit) outcome(err error) error {
	if c.isUnseen || c.unknownVersion > 0 {
		return outcomeUnknown(err.Error())
	}
	if errors.Is(err, errConflict) || isUnknown(err) {
		return unavailable(c.key + " cannot be changed now: " + err.Error())
	}
	return err
}

// begin names the change. All attempts are one, unless a later one needs an event and none before.
func (c *commit) begin(ctx context.Context, data json.RawMessage) {
	outbox := c.collection.outbox
	hasEvent := outbox != nil && outbox.hasEvent(data)
	if c.change != nil && (c.note != nil || !hasEvent) {
		return
	}
	if !hasEvent {
		c.isRecorded = true
		c.change = &Change{Sequence: rand.Intn(1 << 52)}
		return
	}
	note, change := outbox.journal.Begin(ctx, c.key)
	c.note, c.change, c.isRecorded = note, &change, false
}

// swap writes a document, if it still is as it was read. The note goes in the same call, or before
// that of a new document: a transaction does not check on every store that a key is absent.
func (c *commit) swap(ctx context.Context, next Envelope, entry *Entry) error {
	err := c.write(ctx, next, entry)
	if isUnknown(err) {
		c.unknownVersion = next.Version
	}
	return err
}

func (c *commit) write(ctx context.Context, next Envelope, entry *Entry) error {
	if entry == nil {
		if !c.isRecorded {
			if err := c.collection.outbox.journal.Write(c.note, nil); err != nil {
				if isUnknown(err) { // of the note alone
					return unavailable(err.Error())
				}
				return err
			}
			c.isRecorded = true
		}
		return c.collection.sidecar.Create(ctx, c.key, next)
	}
	upsert := Upsert{Key: c.key, Value: next, ETag: entry.ETag}
	if c.isRecorded {
		return c.collection.sidecar.Swap(ctx, upsert)
	}
	err := c.collection.outbox.journal.Write(c.note, &upsert)
	c.isRecorded = err == nil || errors.Is(err, errConflict)
	return err
}

// didCommit tells whether the document shows that the last attempt has written it.
func (c *commit) didCommit(envelope *Envelope) (bool, error) {
	if envelope == nil {
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

func (c *commit) finish(envelope Envelope) {
	c.isDone = true
	if outbox := c.collection.outbox; c.note != nil {
		outbox.journal.Committed(c.note.Sequence)
		outbox.enqueue(c.key, envelope)
	}
}

func (c *commit) load(ctx context.Context) (*Entry, *Envelope, error) {
	for {
		entries, err := c.collection.sidecar.Get(ctx, c.key)
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
	hasEvent               func(data json.RawMessage) bool
	sidecar                *Sidecar
	journal                *Journal
	queue                  chan map[string]any
	idle                   sync.WaitGroup
}

func NewOutbox(
	topic, kind, eventType string, sidecar *Sidecar,
	toData func(id string, data json.RawMessage) (any, error),
	hasEvent func(data json.RawMessage) bool,
) *Outbox {
	outbox := &Outbox{
		topic: topic, kind: kind, eventType: eventType, sidecar: sidecar,
		toData: toData, hasEvent: hasEvent,
		journal: NewJournal(topic, sidecar), queue: make(chan map[string]any, maxBacklog),
	}
	outbox.journal.toEvent = outbox.event
	go outbox.publishAll()
	return outbox
}

func (o *Outbox) enqueue(key string, envelope Envelope) {
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
		if len(o.queue) == 0 {
			o.journal.flushLater()
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
		o.journal.Flush()
	case <-ctx.Done():
	}
}
