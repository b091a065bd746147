// Package inbox handles what the broker delivers, keeps what cannot be handled, and asks the
// producers for what the broker lost.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"microgram/guests/go/documents"
	"microgram/guests/go/failure"
	"microgram/guests/go/sidecar"
	"microgram/guests/go/trace"
)

const (
	concurrency  = 16
	unknownTopic = "unknown"
)

// Handler applies an event. It may run twice, late or out of order. A failure for now is a
// failure.Error, and the event comes again; any other error is poison.
type Handler func(ctx context.Context, event *Event) error

// subscription is how the events of a type are handled, and who may tell them.
type subscription struct {
	producer string
	handle   Handler
}

// Inbox handles events. Subscribe to all of its topics before it begins.
type Inbox struct {
	sidecar   *sidecar.Client
	topics    []string
	producers map[string][]string // topics
	types     map[string]subscription
	letters   *deadLetters
	positions *documents.Collection[positions]

	mutex     sync.Mutex
	received  map[string]*numbers // since they were stored last
	announced map[string]map[string]int
	tops      map[string]int
	handling  int
}

// New returns an inbox without topics.
func New(client *sidecar.Client) *Inbox {
	return &Inbox{
		sidecar: client, producers: map[string][]string{}, types: map[string]subscription{},
		letters: newDeadLetters(client), positions: documents.New[positions](client, "inbox"),
		received: map[string]*numbers{}, announced: map[string]map[string]int{}, tops: map[string]int{},
	}
}

// Subscribe has the events of a topic handled, by their type. Other types are newer, and ignored.
func (i *Inbox) Subscribe(topic, producer string, handlers map[string]Handler) {
	i.topics = append(i.topics, topic)
	i.producers[producer] = append(i.producers[producer], topic)
	for kind, handle := range handlers {
		i.types[kind] = subscription{producer, handle}
	}
}

// Topics returns the topics in the order of their subscription.
func (i *Inbox) Topics() []string { return slices.Clone(i.topics) }

// Receive handles the events of a message, and returns the first failure that a retry may help.
func (i *Inbox) Receive(ctx context.Context, topic string, bodies []json.RawMessage) error {
	i.mutex.Lock()
	i.handling++
	i.mutex.Unlock()
	defer func() {
		i.mutex.Lock()
		i.handling--
		i.mutex.Unlock()
	}()
	failures := make(chan error, len(bodies))
	slots := make(chan struct{}, concurrency)
	var waiting sync.WaitGroup
	for _, group := range groupBySubject(bodies) {
		waiting.Add(1)
		slots <- struct{}{}
		go func() {
			defer waiting.Done()
			defer func() { <-slots }()
			if err := i.handleGroup(ctx, topic, group); err != nil {
				failures <- err
			}
		}()
	}
	waiting.Wait()
	close(failures)
	return <-failures
}

// group is the events of one document in a message; only the newest is handled.
type group struct {
	newest *Event
	body   json.RawMessage
	all    []*Event
	why    string
}

func groupBySubject(bodies []json.RawMessage) []*group {
	groups, order := map[string]*group{}, []*group{}
	for _, body := range bodies {
		event, err := parseEvent(body)
		if err != nil {
			order = append(order, &group{body: body, why: err.Error()})
			continue
		}
		name := event.Type + " " + event.Subject
		known, exists := groups[name]
		if !exists {
			known = &group{}
			groups[name] = known
			order = append(order, known)
		}
		known.all = append(known.all, event)
		if known.newest == nil || event.Entityversion > known.newest.Entityversion {
			known.newest, known.body = event, body
		}
	}
	return order
}

func (i *Inbox) handleGroup(ctx context.Context, topic string, group *group) error {
	if group.newest == nil {
		return i.letters.add(ctx, topic, group.body, group.why)
	}
	if err := i.handleSafely(ctx, group.newest); err != nil {
		if failure.IsForCaller(err) || errors.Is(err, sidecar.ErrConflict) {
			slog.Warn("will retry an event", "why", err.Error())
			return err
		}
		// No retry can help. One such event must not stop those after it.
		slog.Error("poison message", "why", err.Error())
		if err := i.letters.add(ctx, topic, group.body, err.Error()); err != nil {
			return err
		}
	}
	i.markReceived(group.all)
	return nil
}

// handleSafely turns a panic of a handler into an error: it must not end the process.
func (i *Inbox) handleSafely(ctx context.Context, event *Event) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the handler failed: %v", fault)
		}
	}()
	return i.handleOne(ctx, event)
}

func (i *Inbox) handleOne(ctx context.Context, event *Event) error {
	known, isKnown := i.types[event.Type]
	if !isKnown {
		return nil // a newer type
	}
	if event.Source != known.producer {
		return Poison{fmt.Sprintf("%s is from %s, not %s.", event.Type, event.Source, known.producer)}
	}
	return known.handle(trace.Continue(ctx, event.Traceparent), event)
}

// ReceiveDead handles once more what the sidecar gave up, and keeps what fails.
func (i *Inbox) ReceiveDead(ctx context.Context, body []byte) error {
	events, err := ParseMessage(body)
	if err != nil {
		raw, _ := json.Marshal(map[string]string{"raw": string(body)})
		if json.Valid(body) {
			raw = body
		}
		return i.letters.add(ctx, i.topicOf(nil), raw, err.Error())
	}
	for _, each := range events {
		if err := i.receiveOne(ctx, each); err != nil {
			if err := i.letters.add(ctx, i.topicOf(each), each, err.Error()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (i *Inbox) receiveOne(ctx context.Context, body json.RawMessage) error {
	event, err := parseEvent(body)
	if err != nil {
		return err
	}
	if err := i.handleSafely(ctx, event); err != nil {
		return err
	}
	i.markReceived([]*Event{event})
	return nil
}

// topicOf returns the topic that an event names, if it is one of the inbox.
func (i *Inbox) topicOf(body json.RawMessage) string {
	var event struct{ Topic string }
	_ = json.Unmarshal(body, &event)
	switch {
	case slices.Contains(i.topics, event.Topic):
		return event.Topic
	case len(i.topics) == 1:
		return i.topics[0]
	}
	return unknownTopic
}

// DeadLetters returns the events that could not be handled, oldest first.
func (i *Inbox) DeadLetters(ctx context.Context) ([]*Letter, error) { return i.letters.all(ctx) }

// Replay handles all dead letters again, and returns how many it could, and why it could not the
// others.
func (i *Inbox) Replay(ctx context.Context) (int, map[string]string, error) {
	return i.letters.replay(ctx, i.receiveOne)
}

func (i *Inbox) markReceived(events []*Event) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, event := range events {
		i.numbersOf(event.Stream).add(event.Sequence, event.Sequence)
	}
}

func (i *Inbox) numbersOf(stream string) *numbers {
	if i.received[stream] == nil {
		i.received[stream] = &numbers{}
	}
	return i.received[stream]
}
