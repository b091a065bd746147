package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"time"
)

const (
	journalSegment       = 64
	journalTTL           = 7 * 24 * time.Hour
	commitTimeout        = 8 * time.Second
	settledAfter         = 2 * commitTimeout
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

// Tail is the stored end of a stream.
type Tail struct {
	Segment   int     `json:"segment"`
	Notes     []*Note `json:"notes"`
	Published int     `json:"published"`
	At        int64   `json:"at"`
}

// Journal records durably which documents are about to change, and answers /changes. It writes the
// stream of this process, and reads those of all replicas, also of those in Python.
type Journal struct {
	topic, Stream string
	sidecar       *Sidecar
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

func NewJournal(topic string, sidecar *Sidecar) *Journal {
	return &Journal{
		topic: topic, Stream: randomHex(5), sidecar: sidecar,
		uncommitted: map[int]bool{}, unpublished: map[int]bool{},
	}
}

// Begin takes the next number of the stream, and its place in the journal: entries are in the order
// of their numbers, and none is left out. Write must follow, then Committed or Discard.
func (j *Journal) Begin(ctx context.Context, key string) (*Note, ChangeID) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.sequence++
	j.uncommitted[j.sequence], j.unpublished[j.sequence] = true, true
	change := ChangeID{Stream: j.Stream, Sequence: j.sequence, Time: timestamp(time.Now())}
	if trace := traceOf(ctx); trace != nil {
		change.Traceparent = trace.parent
	}
	note := &Note{Sequence: j.sequence, Key: key}
	j.tail = append(j.tail, note)
	return note, change
}

func (j *Journal) Committed(sequence int) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	delete(j.uncommitted, sequence)
}

func (j *Journal) Published(sequence int) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	delete(j.unpublished, sequence)
}

// Discard notes that a commit did not happen; after a while, if it still may.
func (j *Journal) Discard(sequence int, isUnknown bool) {
	if isUnknown {
		time.AfterFunc(settledAfter, func() { j.Discard(sequence, false) })
		return
	}
	j.Committed(sequence)
	j.Published(sequence)
}

// Write makes a note durable; without one, what was published. Notes that wait for their turn at the
// same time are written in one call, which does not end with the request of one of them.
func (j *Journal) Write(ctx context.Context, note *Note) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if note != nil && note.isStored {
		return nil
	}
	return j.store(context.WithoutCancel(ctx))
}

// store writes the tail, and before it the segments that are full.
func (j *Journal) store(ctx context.Context) error {
	if time.Since(j.registeredAt) > registrationInterval {
		if err := j.register(ctx); err != nil {
			return err
		}
	}
	tail := j.nextTail()
	notes := tail.Notes
	for len(tail.Notes) >= journalSegment {
		key := fmt.Sprintf("%s:%d", j.tailKey(j.Stream), tail.Segment)
		full := Tail{Notes: tail.Notes[:journalSegment]}
		if err := j.sidecar.Set(ctx, Upsert{Key: key, Value: full, TTL: journalTTL}); err != nil {
			return err
		}
		tail.Notes, tail.Segment = tail.Notes[journalSegment:], tail.Segment+1
	}
	if err := j.sidecar.Set(ctx, Upsert{Key: j.tailKey(j.Stream), Value: tail, TTL: journalTTL}); err != nil {
		return err
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, note := range notes {
		note.isStored = true
	}
	j.tail, j.segment = j.tail[(tail.Segment-j.segment)*journalSegment:], tail.Segment
	return nil
}

// nextTail is all that is not in a stored segment. What waited for its turn begins now.
func (j *Journal) nextTail() *Tail {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	now := time.Now().UnixMilli()
	for _, note := range j.tail {
		if !note.isStored {
			note.At = now
		}
	}
	published := smallest(j.unpublished, j.sequence+1) - 1
	return &Tail{j.segment, slices.Clone(j.tail), published, now}
}

func (j *Journal) register(ctx context.Context) error {
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
		if err := j.forget(ctx, registry, now-journalTTL.Milliseconds()); err != nil {
			return err
		}
		registry[j.Stream] = now
		err = j.sidecar.Swap(ctx, Upsert{Key: key, Value: registry, ETag: entry.ETag})
		if err == nil {
			j.registeredAt = time.Now()
		}
		if !errors.Is(err, errConflict) {
			return err
		}
		time.Sleep(time.Duration(rand.Intn(20)) * time.Millisecond)
	}
	return unavailable("The registry of the streams of " + j.topic + " keeps changing.")
}

// forget removes streams from a registry that are old and have no tail any more.
func (j *Journal) forget(ctx context.Context, registry map[string]int64, oldest int64) error {
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

// Heads returns the last number of every stream of the topic.
func (j *Journal) Heads(ctx context.Context) (map[string]int, error) {
	j.mutex.Lock()
	isFresh := time.Since(j.othersAt) < headsTTL
	j.mutex.Unlock()
	if !isFresh {
		others, err := j.readOthers(ctx)
		if err != nil {
			return nil, err
		}
		j.mutex.Lock()
		j.others, j.othersAt = others, time.Now()
		j.mutex.Unlock()
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	heads := map[string]int{}
	for stream, last := range j.others {
		heads[stream] = last
	}
	if j.sequence > 0 {
		heads[j.Stream] = j.sequence
	}
	return heads, nil
}

func (j *Journal) readOthers(ctx context.Context) (map[string]int, error) {
	key := "streams:" + j.topic
	registry, err := readAs[map[string]int64](ctx, j.sidecar, key)
	if err != nil || registry[key] == nil {
		return nil, err
	}
	delete(*registry[key], j.Stream)
	var keys []string
	for stream := range *registry[key] {
		keys = append(keys, j.tailKey(stream))
	}
	tails, err := readAs[Tail](ctx, j.sidecar, keys...)
	heads := map[string]int{}
	for stream := range *registry[key] {
		if tail := tails[j.tailKey(stream)]; tail != nil {
			heads[stream] = tail.last()
		}
	}
	return heads, err
}

// Changes returns the newest events of the documents noted after a number, and the number up to
// which whoever has them need not ask again.
func (j *Journal) Changes(
	ctx context.Context, stream string, after, limit int,
) ([]map[string]any, int, error) {
	decided := -1
	if stream == j.Stream { // before the documents are read
		j.mutex.Lock()
		decided = smallest(j.uncommitted, j.sequence+1) - 1
		j.mutex.Unlock()
	}
	notes, end, err := j.read(ctx, stream, after, limit)
	if err != nil {
		return nil, 0, err
	}
	var keys []string
	seen := map[string]bool{}
	for _, note := range notes {
		if !seen[note.Key] {
			seen[note.Key] = true
			keys = append(keys, note.Key)
		}
	}
	documents, err := readAs[Envelope](ctx, j.sidecar, keys...)
	if err != nil {
		return nil, 0, err
	}
	events := []map[string]any{}
	for _, key := range keys {
		if envelope := documents[key]; envelope != nil {
			if event := j.toEvent(key, *envelope); event != nil {
				events = append(events, event)
			}
		}
	}
	return events, settled(after, notes, end, decided), nil
}

func settled(after int, notes []*Note, end, decided int) int {
	last := (after/journalSegment + 1) * journalSegment
	if len(notes) > 0 {
		last = notes[len(notes)-1].Sequence
	}
	if decided >= 0 {
		return max(after, min(last, decided))
	}
	if len(notes) == 0 { // not there yet; or the segment has expired
		if end >= 0 && end <= after {
			return after
		}
		return last
	}
	old, upto := time.Now().Add(-settledAfter).UnixMilli(), after
	for _, note := range notes {
		if note.At < old {
			upto = note.Sequence
		}
	}
	return upto
}

// read returns notes after a number, and the last number of the stream; -1 if it is forgotten.
func (j *Journal) read(ctx context.Context, stream string, after, limit int) ([]*Note, int, error) {
	segment, tailKey := after/journalSegment, j.tailKey(stream)
	fullKey := fmt.Sprintf("%s:%d", tailKey, segment)
	found, err := readAs[Tail](ctx, j.sidecar, fullKey, tailKey)
	if err != nil {
		return nil, 0, err
	}
	tail, kept, end := found[tailKey], found[fullKey], -1
	if tail != nil {
		end = tail.last()
	}
	if kept == nil && tail != nil && tail.Segment > segment { // filled between the two reads, perhaps
		again, err := readAs[Tail](ctx, j.sidecar, fullKey)
		if err != nil {
			return nil, 0, err
		}
		kept = again[fullKey]
	}
	if kept == nil {
		kept = tail
	}
	if kept == nil {
		return nil, end, nil
	}
	notes := filter(kept.Notes, func(note *Note) bool { return note.Sequence > after })
	return notes[:min(limit, len(notes))], end, nil
}

func (j *Journal) tailKey(stream string) string { return "journal:" + j.topic + ":" + stream }

func (t *Tail) last() int {
	if len(t.Notes) == 0 {
		return t.Segment * journalSegment
	}
	return t.Notes[len(t.Notes)-1].Sequence
}

func smallest(numbers map[int]bool, otherwise int) int {
	for number := range numbers {
		otherwise = min(otherwise, number)
	}
	return otherwise
}

func timestamp(moment time.Time) string {
	return moment.UTC().Format("2006-01-02T15:04:05.000Z")
}
