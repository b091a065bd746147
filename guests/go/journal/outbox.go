package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"microgram/guests/go/sidecar"
)

const (
	maxEvents       = 50
	maxMessageBytes = 256 << 10
	wrappingBytes   = 2 << 10 // of a message without its events, also of what the sidecar adds
	publishInterval = 50 * time.Millisecond
	maxBacklog      = 10_000
)

// Told says what the changes of documents are for others: events of a type on a topic.
type Told struct {
	// Service is the app-id of the service, which is the source of the events.
	Service string
	Topic   string
	// Kind is that of the documents whose changes are told, as in their keys.
	Kind string
	// Type is that of the events, such as comment.changed.
	Type string
	// ToData makes the data of an event from those of a document: only what others may know.
	ToData func(id string, data json.RawMessage) (any, error)
}

// Outbox publishes the events of committed documents of one topic in the background. Its journal
// has each of them, also those that the process did not come to publish.
type Outbox struct {
	told    Told
	sidecar *sidecar.Client
	journal *journal
	queue   chan map[string]any
	idle    sync.WaitGroup
}

// NewOutbox returns an outbox that publishes until the process ends.
func NewOutbox(client *sidecar.Client, told Told) *Outbox {
	outbox := &Outbox{
		told: told, sidecar: client,
		journal: newJournal(told.Topic, client), queue: make(chan map[string]any, maxBacklog),
	}
	outbox.journal.toEvent = outbox.event
	go outbox.publishAll()
	return outbox
}

// Topic returns the topic of the events.
func (o *Outbox) Topic() string { return o.told.Topic }

// Begin notes that a document is about to change. Write must follow, then Commit or Discard.
func (o *Outbox) Begin(ctx context.Context, key string) (*Note, ChangeID) {
	return o.journal.begin(ctx, key)
}

// Write makes a note durable, before the document is written.
func (o *Outbox) Write(ctx context.Context, note *Note) error { return o.journal.write(ctx, note) }

// Discard notes that a change did not happen; if that is not known, it is settled after a while.
func (o *Outbox) Discard(note *Note, isUnknown bool) { o.journal.discard(note.Sequence, isUnknown) }

// Heads returns the last number of every stream of the topic.
func (o *Outbox) Heads(ctx context.Context) (map[string]int, error) { return o.journal.heads(ctx) }

// Changes returns the newest events of the documents noted after a number, and the number up to
// which whoever has them need not ask again.
func (o *Outbox) Changes(
	ctx context.Context, stream string, after, limit int,
) ([]map[string]any, int, error) {
	return o.journal.changes(ctx, stream, after, limit)
}

// Commit publishes the event of a committed document in the background.
func (o *Outbox) Commit(key string, envelope Envelope) {
	o.journal.committed(envelope.Change.Sequence)
	event := o.event(key, envelope)
	if event == nil {
		o.journal.published(envelope.Change.Sequence)
		return
	}
	o.idle.Add(1)
	select {
	case o.queue <- event:
	default: // consumers ask for it later
		o.journal.published(envelope.Change.Sequence)
		o.idle.Done()
	}
}

func (o *Outbox) publishAll() {
	for next := <-o.queue; ; {
		var batch []map[string]any
		batch, next = o.gather(next)
		o.publish(batch)
		for _, event := range batch {
			o.journal.published(event["sequence"].(int))
			o.idle.Done()
		}
		time.Sleep(publishInterval)
		if next == nil {
			next = <-o.queue
		}
	}
}

// gather returns the events of a message that begins with one, and the event that is too large for the
// rest of it; nil if none is.
func (o *Outbox) gather(first map[string]any) (batch []map[string]any, left map[string]any) {
	batch = []map[string]any{first}
	size := wrappingBytes + sizeOf(first)
	for len(o.queue) > 0 && len(batch) < maxEvents {
		next := <-o.queue
		if size += sizeOf(next) + len(","); size > maxMessageBytes {
			return batch, next
		}
		batch = append(batch, next)
	}
	return batch, nil
}

func (o *Outbox) publish(batch []map[string]any) {
	first, last := batch[0]["id"], batch[len(batch)-1]["id"]
	message := map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%s+%d:%s", first, len(batch), last),
		"source": o.told.Service, "type": "events", "datacontenttype": "application/json",
		"data": map[string]any{"events": batch},
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := o.sidecar.Publish(context.Background(), o.told.Topic, message)
		if err == nil {
			return
		}
		slog.Warn("could not publish, will retry", "topic", o.told.Topic, "why", err.Error())
		time.Sleep(pause)
	}
}

func (o *Outbox) event(key string, envelope Envelope) map[string]any {
	kind, id, _ := strings.Cut(key, ":")
	if kind != o.told.Kind {
		return nil
	}
	data, err := o.told.ToData(id, envelope.Data)
	if err != nil {
		slog.Error("a document has no event", "key", key, "why", err.Error())
		return nil
	}
	return map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%s:%s@%d", o.told.Service, key, envelope.Version),
		"source": o.told.Service, "type": o.told.Type, "subject": id,
		"time": envelope.Change.Time, "datacontenttype": "application/json",
		"traceparent": envelope.Change.Traceparent, "topic": o.told.Topic,
		"stream": envelope.Change.Stream, "sequence": envelope.Change.Sequence,
		"entityversion": envelope.Version, "schemaversion": envelope.Schema, "data": data,
	}
}

func sizeOf(event map[string]any) int {
	raw, _ := json.Marshal(event)
	return len(raw)
}

// Close waits until all is published, and until the journal says so, as long as the context allows.
func (o *Outbox) Close(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.idle.Wait()
		_ = o.journal.writePublished(ctx)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
