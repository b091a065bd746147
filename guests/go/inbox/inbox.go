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
// failure.Error or sidecar.ErrConflict, and the event comes again; any other error is poison.
type Handler func(ctx context.Context, event *Event) error

// Inbox handles events. Subscribe to all of its topics before it begins.
type Inbox struct {
	sidecar       *sidecar.Client
	subscriptions []*subscription
	letters       *deadLetters
	positions     *documents.Collection[positions]
}

// New returns an inbox without topics.
func New(client *sidecar.Client) *Inbox {
	return &Inbox{
		sidecar: client, letters: newDeadLetters(client),
		positions: documents.New[positions](client, "inbox"),
	}
}

// Subscribe has the events of a topic handled, by their type. Other types are newer, and ignored.
func (i *Inbox) Subscribe(topic, producer string, handlers map[string]Handler) {
	i.subscriptions = append(i.subscriptions, newSubscription(topic, producer, handlers))
}

// subscription returns that of a topic. Events of any other topic are poison.
func (i *Inbox) subscription(topic string) (*subscription, error) {
	for _, each := range i.subscriptions {
		if each.topic == topic {
			return each, nil
		}
	}
	return nil, Poison{fmt.Sprintf("This service does not consume the topic %q.", topic)}
}

// Topics returns the topics in the order of their subscription.
func (i *Inbox) Topics() []string {
	topics := []string{}
	for _, each := range i.subscriptions {
		topics = append(topics, each.topic)
	}
	return topics
}

// Receive handles the events of a message, and returns the first failure that a retry may help.
func (i *Inbox) Receive(ctx context.Context, topic string, bodies []json.RawMessage) error {
	from, err := i.subscription(topic)
	if err != nil {
		return err
	}
	defer from.begin()()
	failures := make(chan error, len(bodies))
	slots := make(chan struct{}, concurrency)
	var waiting sync.WaitGroup
	for _, group := range groupBySubject(bodies) {
		waiting.Add(1)
		slots <- struct{}{}
		go func() {
			defer waiting.Done()
			defer func() { <-slots }()
			if err := i.handleGroup(ctx, from, group); err != nil {
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

func (i *Inbox) handleGroup(ctx context.Context, from *subscription, group *group) error {
	if group.newest == nil {
		return i.letters.add(ctx, from.topic, group.body, group.why)
	}
	ctx = trace.Continue(ctx, group.newest.Traceparent)
	if err := from.handleSafely(ctx, group.newest); err != nil {
		if failure.IsForCaller(err) || errors.Is(err, sidecar.ErrConflict) {
			slog.WarnContext(ctx, "will retry an event", "why", err.Error())
			return err
		}
		// No retry can help. One such event must not stop those after it.
		slog.ErrorContext(ctx, "poison message", "why", err.Error())
		if err := i.letters.add(ctx, from.topic, group.body, err.Error()); err != nil {
			return err
		}
	}
	for _, event := range group.all {
		from.markReceived(event.Stream, event.Sequence, event.Sequence)
	}
	return nil
}

// ReceiveDead handles once more what the sidecar gave up, and keeps what fails.
func (i *Inbox) ReceiveDead(ctx context.Context, body []byte) error {
	topic := i.topicOf(body)
	events, err := ParseMessage(body)
	if err != nil {
		raw, _ := json.Marshal(map[string]string{"raw": string(body)})
		if json.Valid(body) {
			raw = body
		}
		return i.letters.add(ctx, topic, raw, err.Error())
	}
	for _, each := range events {
		if err := i.receiveOne(ctx, topic, each); err != nil {
			if err := i.letters.add(ctx, topic, each, err.Error()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (i *Inbox) receiveOne(ctx context.Context, topic string, body json.RawMessage) error {
	from, err := i.subscription(topic)
	if err != nil {
		return err
	}
	event, err := parseEvent(body)
	if err != nil {
		return err
	}
	if err := from.handleSafely(ctx, event); err != nil {
		return err
	}
	from.markReceived(event.Stream, event.Sequence, event.Sequence)
	return nil
}

// topicOf returns the topic that the sidecar has named in a message, if it is one of the inbox. What
// the events say of their topic does not count: another service may have written it.
func (i *Inbox) topicOf(message []byte) string {
	var named struct{ Topic string }
	_ = json.Unmarshal(message, &named)
	topics := i.Topics()
	switch {
	case slices.Contains(topics, named.Topic):
		return named.Topic
	case len(topics) == 1:
		return topics[0]
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
