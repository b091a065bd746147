package journal

import (
	"context"
	"slices"
	"time"

	"microgram/guests/go/sidecar"
)

// heads returns the last number of every stream of the topic.
func (j *journal) heads(ctx context.Context) (map[string]int, error) {
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
		heads[j.stream] = j.sequence
	}
	return heads, nil
}

func (j *journal) readOthers(ctx context.Context) (map[string]int, error) {
	key := "streams:" + j.topic
	registry, err := sidecar.ReadAs[map[string]int64](ctx, j.sidecar, key)
	if err != nil || registry[key] == nil {
		return nil, err
	}
	delete(*registry[key], j.stream)
	var keys []string
	for stream := range *registry[key] {
		keys = append(keys, j.tailKey(stream))
	}
	tails, err := sidecar.ReadAs[storedTail](ctx, j.sidecar, keys...)
	heads := map[string]int{}
	for stream := range *registry[key] {
		if tail := tails[j.tailKey(stream)]; tail != nil {
			heads[stream] = tail.last()
		}
	}
	return heads, err
}

// changes returns the newest events of the documents noted after a number, and the number up to
// which whoever has them need not ask again.
func (j *journal) changes(
	ctx context.Context, stream string, after, limit int,
) ([]map[string]any, int, error) {
	decided := -1
	if stream == j.stream { // before the documents are read
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
	documents, err := sidecar.ReadAs[Envelope](ctx, j.sidecar, keys...)
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
	last := (after/MaxChanges + 1) * MaxChanges
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

// read returns notes after a number, and the last number of the stream; -1 if it is forgotten. The
// first notes that are kept follow where older ones have expired.
func (j *journal) read(ctx context.Context, stream string, after, limit int) ([]*Note, int, error) {
	segment, tailKey := after/MaxChanges, j.tailKey(stream)
	fullKey := segmentKey(tailKey, segment)
	found, err := sidecar.ReadAs[storedTail](ctx, j.sidecar, fullKey, tailKey)
	if err != nil {
		return nil, 0, err
	}
	tail, kept, end := found[tailKey], found[fullKey], -1
	if tail != nil {
		end = tail.last()
	}
	if kept == nil && tail != nil {
		if kept, err = j.firstKept(ctx, tailKey, segment, tail); err != nil {
			return nil, 0, err
		}
	}
	if kept == nil {
		return nil, end, nil
	}
	notes := slices.DeleteFunc(kept.Notes, func(note *Note) bool { return note.Sequence <= after })
	return notes[:min(limit, len(notes))], end, nil
}

// firstKept returns the first full segment that is kept, from a number on, or the tail. Segments
// expire in the order of their numbers, so a binary search finds it.
func (j *journal) firstKept(
	ctx context.Context, tailKey string, low int, tail *storedTail,
) (*storedTail, error) {
	kept, high, middle := tail, tail.Segment, low // that one was perhaps filled since it was read
	for low < high {
		key := segmentKey(tailKey, middle)
		found, err := sidecar.ReadAs[storedTail](ctx, j.sidecar, key)
		if err != nil {
			return nil, err
		}
		if found[key] != nil {
			kept, high = found[key], middle
		} else {
			low = middle + 1
		}
		middle = (low + high) / 2
	}
	return kept, nil
}
