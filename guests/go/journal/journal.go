// Package journal never loses an event: it records durably which documents are about to change,
// publishes their events, and answers /changes for whoever missed one.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"time"

	"microgram/guests/go/failure"
	"microgram/guests/go/ids"
	"microgram/guests/go/sidecar"
	"microgram/guests/go/trace"
)

const (
	// MaxChanges is the most entries in a segment, and so in an answer of /changes.
	MaxChanges = 64

	entryTTL = 7 * 24 * time.Hour
	// CommitTimeout is the longest that a change may take, with its repetitions.
	CommitTimeout = 8 * time.Second

	settledAfter         = 2 * CommitTimeout
	headsTTL             = 1500 * time.Millisecond
	registrationInterval = 24 * time.Hour
)

// Note is an entry of a journal: the document under Key was about to change At (ms).
type Note struct {
	Sequence int
	Key      string
	At       int64
	isStored bool
}

// MarshalJSON writes a note as a row.
func (n *Note) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{n.Sequence, n.Key, n.At})
}

// UnmarshalJSON reads a note as a row.
func (n *Note) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(raw, &[]any{&n.Sequence, &n.Key, &n.At})
}

// storedTail is the stored end of a stream.
type storedTail struct {
	Segment   int     `json:"segment"`
	Notes     []*Note `json:"notes"`
	Published int     `json:"published"`
	At        int64   `json:"at"`
}

// journal records durably which documents are about to change, and answers /changes. It writes the
// stream of this process, and reads those of all replicas, also of those in Python.
type journal struct {
	topic, stream string
	sidecar       *sidecar.Client
	toEvent       func(key string, envelope Envelope) map[string]any
	writing       sync.Mutex // one write of the tail at a time
	registeredAt  time.Time

	mutex       sync.Mutex
	sequence    int
	tail        []*Note
	segment     int
	uncommitted map[int]bool
	unpublished map[int]bool
	others      map[string]int
	othersAt    time.Time
}

func newJournal(topic string, client *sidecar.Client) *journal {
	return &journal{
		topic: topic, stream: ids.Random(5), sidecar: client,
		uncommitted: map[int]bool{}, unpublished: map[int]bool{},
	}
}

// begin takes the next number of the stream, and its place in the journal: entries are in the order
// of their numbers, and none is left out. write must follow, then committed or discard.
func (j *journal) begin(ctx context.Context, key string) (*Note, ChangeID) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.sequence++
	j.uncommitted[j.sequence], j.unpublished[j.sequence] = true, true
	change := ChangeID{Stream: j.stream, Sequence: j.sequence, Time: ids.Timestamp(time.Now())}
	if cause := trace.From(ctx); cause != nil {
		change.Traceparent = cause.Parent
	}
	note := &Note{Sequence: j.sequence, Key: key}
	j.tail = append(j.tail, note)
	return note, change
}

func (j *journal) committed(sequence int) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	delete(j.uncommitted, sequence)
}

func (j *journal) published(sequence int) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	delete(j.unpublished, sequence)
}

// discard notes that a commit did not happen; after a while, if it still may.
func (j *journal) discard(sequence int, isUnknown bool) {
	if isUnknown {
		time.AfterFunc(settledAfter, func() { j.discard(sequence, false) })
		return
	}
	j.committed(sequence)
	j.published(sequence)
}

// write makes a note durable. Notes that wait for their turn at the same time are written in one call,
// which does not end with the request of one of them.
func (j *journal) write(ctx context.Context, note *Note) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if note.isStored {
		return nil
	}
	return j.store(context.WithoutCancel(ctx))
}

// writePublished stores what was published: a hint, so it ends with the context.
func (j *journal) writePublished(ctx context.Context) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.store(ctx)
}

// store writes the tail, and before it the segments that are full.
func (j *journal) store(ctx context.Context) error {
	if time.Since(j.registeredAt) > registrationInterval {
		if err := j.register(ctx); err != nil {
			return err
		}
	}
	tail := j.nextTail()
	notes := tail.Notes
	for len(tail.Notes) >= MaxChanges {
		key := segmentKey(j.tailKey(j.stream), tail.Segment)
		full := storedTail{Notes: tail.Notes[:MaxChanges]}
		if err := j.sidecar.Set(ctx, sidecar.Upsert{Key: key, Value: full, TTL: entryTTL}); err != nil {
			return err
		}
		tail.Notes, tail.Segment = tail.Notes[MaxChanges:], tail.Segment+1
	}
	if err := j.sidecar.Set(ctx, sidecar.Upsert{Key: j.tailKey(j.stream), Value: tail, TTL: entryTTL}); err != nil {
		return err
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, note := range notes {
		note.isStored = true
	}
	j.tail, j.segment = j.tail[(tail.Segment-j.segment)*MaxChanges:], tail.Segment
	return nil
}

// nextTail is all that is not in a stored segment. What waited for its turn begins now.
func (j *journal) nextTail() *storedTail {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	now := time.Now().UnixMilli()
	for _, note := range j.tail {
		if !note.isStored {
			note.At = now
		}
	}
	published := smallest(j.unpublished, j.sequence+1) - 1
	return &storedTail{j.segment, slices.Clone(j.tail), published, now}
}

func (j *journal) register(ctx context.Context) error {
	key := "streams:" + j.topic
	for range 20 {
		found, err := j.sidecar.Get(ctx, key)
		if err != nil {
			return err
		}
		registry, now := map[string]int64{}, time.Now().UnixMilli()
		entry, exists := found[key]
		if exists {
			if err := json.Unmarshal(entry.Value, &registry); err != nil {
				return err
			}
		}
		if err := j.forget(ctx, registry, now-entryTTL.Milliseconds()); err != nil {
			return err
		}
		registry[j.stream] = now
		err = j.sidecar.Swap(ctx, sidecar.Upsert{Key: key, Value: registry, ETag: entry.ETag})
		if err == nil {
			j.registeredAt = time.Now()
		}
		if !errors.Is(err, sidecar.ErrConflict) {
			return err
		}
		time.Sleep(time.Duration(rand.Intn(20)) * time.Millisecond)
	}
	return failure.Unavailable("The registry of the streams of " + j.topic + " keeps changing.")
}

// forget removes streams from a registry that are old and have no tail any more.
func (j *journal) forget(ctx context.Context, registry map[string]int64, oldest int64) error {
	var old []string
	for stream, at := range registry {
		if at <= oldest {
			old = append(old, j.tailKey(stream))
		}
	}
	tails, err := j.sidecar.Get(ctx, old...)
	if err != nil {
		return err
	}
	for stream, at := range registry {
		if _, hasTail := tails[j.tailKey(stream)]; at <= oldest && !hasTail {
			delete(registry, stream)
		}
	}
	return nil
}

func (j *journal) tailKey(stream string) string { return "journal:" + j.topic + ":" + stream }

func segmentKey(tailKey string, segment int) string { return fmt.Sprintf("%s:%d", tailKey, segment) }

func (t *storedTail) last() int {
	if len(t.Notes) == 0 {
		return t.Segment * MaxChanges
	}
	return t.Notes[len(t.Notes)-1].Sequence
}

func smallest(numbers map[int]bool, otherwise int) int {
	for number := range numbers {
		otherwise = min(otherwise, number)
	}
	return otherwise
}
