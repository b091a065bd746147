package documents

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand"
	"time"

	"microgram/guests/go/failure"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar"
)

// decide returns the new data of a document, and whether that has an event; nil changes nothing.
type decide func(before json.RawMessage) (after json.RawMessage, hasEvent bool, err error)

// commit is one compare-and-swap of one document, with its repetitions.
type commit struct {
	sidecar        *sidecar.Client
	outbox         *journal.Outbox
	key            string
	ttl            time.Duration
	deadline       time.Time
	note           *journal.Note
	change         *journal.ChangeID
	unknownVersion int
	isUnseen       bool
}

func (c *commit) run(ctx context.Context, decide decide) error {
	envelope, err := c.attempt(ctx, decide)
	switch {
	case c.note == nil:
	case envelope != nil:
		c.outbox.Commit(c.key, *envelope)
	default:
		c.outbox.Discard(c.note, c.mayHappen() || failure.IsUnknown(err))
	}
	return err
}

// attempt returns the envelope that it has written; none if nothing was to change.
func (c *commit) attempt(ctx context.Context, decide decide) (*journal.Envelope, error) {
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
		next := journal.Envelope{Schema: 1, Version: 1}
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
		c.isUnseen = errors.Is(err, sidecar.ErrConflict) // it may be the conflict with an own earlier attempt
		if !(c.isUnseen || failure.IsTemporary(err)) || !c.wait(pause) {
			return nil, c.outcome(err)
		}
	}
}

// mayHappen tells whether an earlier attempt has written the document, or still may.
func (c *commit) mayHappen() bool { return c.isUnseen || c.unknownVersion > 0 }

func (c *commit) outcome(err error) error {
	if c.mayHappen() {
		return failure.OutcomeUnknown(err.Error())
	}
	if errors.Is(err, sidecar.ErrConflict) || failure.IsUnknown(err) {
		return failure.Unavailable(c.key + " cannot be changed now: " + err.Error())
	}
	return err
}

// begin names the change. All attempts are one, unless a later one needs an event and none before.
func (c *commit) begin(ctx context.Context, hasEvent bool) {
	if c.note == nil && hasEvent {
		note, change := c.outbox.Begin(ctx, c.key)
		c.note, c.change = note, &change
	} else if c.change == nil {
		c.change = &journal.ChangeID{Sequence: rand.Intn(1 << 52)}
	}
}

// write stores a document, if it still is as it was read, after the note of its change.
func (c *commit) write(ctx context.Context, next journal.Envelope, entry *sidecar.Entry) error {
	if c.note != nil {
		if err := c.outbox.Write(ctx, c.note); err != nil {
			return failure.Unavailable("The journal cannot be written: " + err.Error())
		}
	}
	write := sidecar.Upsert{Key: c.key, Value: next, TTL: c.ttl}
	if entry != nil {
		write.ETag = entry.ETag
	}
	err := c.sidecar.Swap(ctx, write)
	if failure.IsUnknown(err) {
		c.unknownVersion = next.Version
	}
	return err
}

// didCommit tells whether the document shows that the last attempt has written it.
func (c *commit) didCommit(envelope *journal.Envelope) (bool, error) {
	if envelope == nil || c.change == nil {
		return false, nil
	}
	if envelope.Change.Stream == c.change.Stream && envelope.Change.Sequence == c.change.Sequence {
		return true, nil
	}
	if c.unknownVersion > 0 && envelope.Version > c.unknownVersion {
		return false, failure.OutcomeUnknown("The outcome of a write to " + c.key + " is unknown.")
	}
	if envelope.Version == c.unknownVersion {
		c.unknownVersion = 0
	}
	return false, nil
}

func (c *commit) load(ctx context.Context) (*sidecar.Entry, *journal.Envelope, error) {
	for {
		entries, err := c.sidecar.Get(ctx, c.key)
		if err == nil {
			entry, exists := entries[c.key]
			if !exists {
				return nil, nil, nil
			}
			envelope, err := journal.ReadEnvelope(entry.Value)
			return &entry, envelope, err
		}
		if !failure.IsTemporary(err) || !c.wait(100*time.Millisecond) {
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
