package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"net/url"
	"reflect"
	"slices"
	"sort"
	"sync"
	"time"
)

const (
	topicPosts  = "posts"
	producer    = "posts"
	postChanged = "post.changed"

	pollInterval = 1500 * time.Millisecond
	idleInterval = 3 * time.Second
	batchSize    = 64
	concurrency  = 16
)

// Event is the newest state of a document, and the version of that state.
type Event struct {
	ID, Type, Source, Subject, Stream string
	Traceparent                       string
	Sequence, Entityversion           int
	Data                              json.RawMessage
}

// Handler applies an event. It may run twice, late or out of order.
type Handler func(ctx context.Context, event *Event) error

// Inbox handles what the broker delivers, and asks the producer for what it lost.
type Inbox struct {
	sidecar   *Sidecar
	handle    Handler
	letters   *DeadLetters
	positions *Collection[Positions]

	mutex     sync.Mutex
	received  map[string]*Numbers // since they were stored last
	announced map[string]int
	tops      map[string]int
	handling  int
}

func NewInbox(sidecar *Sidecar, handle Handler) *Inbox {
	return &Inbox{
		sidecar: sidecar, handle: handle, letters: NewDeadLetters(sidecar),
		positions: &Collection[Positions]{kind: "inbox", sidecar: sidecar},
		received:  map[string]*Numbers{}, announced: map[string]int{}, tops: map[string]int{},
	}
}

// parseMessage returns the events in a message of the broker.
func parseMessage(body []byte) ([]json.RawMessage, error) {
	var message struct {
		Type string
		Data struct{ Events *[]json.RawMessage }
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, poison{"The message is invalid: it is no CloudEvent."}
	}
	if message.Type != "events" || message.Data.Events == nil {
		return nil, poison{`The message is invalid: it is no CloudEvent of type "events".`}
	}
	return *message.Data.Events, nil
}

func parseEvent(body json.RawMessage) (*Event, error) {
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, poison{"The event is invalid: " + err.Error()}
	}
	for name, value := range map[string]string{
		"id": event.ID, "type": event.Type, "source": event.Source,
		"subject": event.Subject, "stream": event.Stream,
	} {
		if value == "" {
			return nil, poison{"The event is invalid: " + name + " is missing."}
		}
	}
	if event.Sequence < 1 || event.Entityversion < 1 || !isObject(event.Data) {
		return nil, poison{"The event is invalid: sequence, entityversion or data is missing."}
	}
	return &event, nil
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// Receive handles the events of a message, and returns the first failure that a retry may help.
func (i *Inbox) Receive(ctx context.Context, bodies []json.RawMessage) error {
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
			if err := i.handleGroup(ctx, group); err != nil {
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

func (i *Inbox) handleGroup(ctx context.Context, group *group) error {
	if group.newest == nil {
		return i.letters.Add(ctx, topicPosts, group.body, group.why)
	}
	if err := i.handleSafely(ctx, group.newest); err != nil {
		var failure *Failure
		if errors.As(err, &failure) || errors.Is(err, errConflict) {
			slog.Warn("will retry an event", "why", err.Error())
			return err
		}
		// No retry can help. One such event must not stop those after it.
		slog.Error("poison message", "why", err.Error())
		if err := i.letters.Add(ctx, topicPosts, group.body, err.Error()); err != nil {
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
	if event.Type != postChanged {
		return nil // a newer type
	}
	if event.Source != producer {
		return poison{fmt.Sprintf("%s is from %s, not %s.", event.Type, event.Source, producer)}
	}
	if validParent.MatchString(event.Traceparent) {
		trace := &Trace{parent: event.Traceparent, requestID: event.Traceparent[3:19]}
		ctx = context.WithValue(ctx, traceKey{}, trace)
	}
	return i.handle(ctx, event)
}

// ReceiveDead handles once more what the sidecar gave up, and keeps what fails.
func (i *Inbox) ReceiveDead(ctx context.Context, body []byte) error {
	events, err := parseMessage(body)
	if err != nil {
		raw, _ := json.Marshal(map[string]string{"raw": string(body)})
		if json.Valid(body) {
			raw = body
		}
		return i.letters.Add(ctx, topicPosts, raw, err.Error())
	}
	for _, each := range events {
		if err := i.receiveOne(ctx, each); err != nil {
			if err := i.letters.Add(ctx, topicPosts, each, err.Error()); err != nil {
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

func (i *Inbox) markReceived(events []*Event) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, event := range events {
		i.numbers(event.Stream).add(event.Sequence, event.Sequence)
	}
}

func (i *Inbox) numbers(stream string) *Numbers {
	if i.received[stream] == nil {
		i.received[stream] = &Numbers{}
	}
	return i.received[stream]
}

// ── what the broker lost ────────────────────────────────────────────────────────────────────

// Watch asks the producer for lost events for as long as the service runs.
func (i *Inbox) Watch(ctx context.Context) {
	isComplete := true
	for ctx.Err() == nil {
		pause := pollInterval
		if isComplete {
			pause = idleInterval
		}
		time.Sleep(time.Duration(float64(pause) * (0.8 + 0.2*rand.Float64())))
		var err error
		if isComplete, err = i.reconcile(ctx); err != nil {
			slog.Warn("could not fetch missing events", "why", err.Error())
		}
	}
}

// reconcile fetches what was announced at the poll before and has not arrived.
func (i *Inbox) reconcile(ctx context.Context) (bool, error) {
	var answer map[string]map[string]int
	err := i.sidecar.Invoke(ctx, producer, "changes?topics="+topicPosts, invokeTimeout, &answer)
	if err != nil {
		return false, err
	}
	heads := answer[topicPosts]
	i.mutex.Lock()
	announced := i.announced
	i.announced = heads
	i.mutex.Unlock()
	known, err := i.storePositions(ctx, heads)
	if err != nil {
		return false, err
	}
	isComplete, failures := true, []error{}
	for stream, head := range heads {
		last, bound := announced[stream], i.gapUpperBound(stream, announced[stream], known[stream])
		isComplete = isComplete && last == head && len(known[stream].missing(head)) == 0
		for _, gap := range known[stream].missing(bound) {
			if err := i.fetch(ctx, stream, gap[0]-1, gap[1]); err != nil {
				failures = append(failures, err) // it delays no other stream
				break
			}
		}
	}
	return isComplete, errors.Join(failures...)
}

// gapUpperBound: while events still arrive, what lies above the highest received one is only late.
func (i *Inbox) gapUpperBound(stream string, last int, seen *Numbers) int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	top, before := seen.top(), i.tops[stream]
	i.tops[stream] = top
	if top > before && before > 0 || i.handling > 0 {
		return min(last, top)
	}
	return last
}

// storePositions merges what was received with what others have stored: a hint for the next start.
func (i *Inbox) storePositions(ctx context.Context, heads map[string]int) (map[string]*Numbers, error) {
	i.mutex.Lock()
	received := map[string]*Numbers{}
	for stream, numbers := range i.received {
		received[stream] = numbers.copy()
	}
	i.mutex.Unlock()
	stored, err := i.positions.Update(ctx, topicPosts, func(stored *Positions, exists bool) (bool, error) {
		known := map[string]*Numbers{}
		for stream := range heads {
			known[stream] = &Numbers{Above: [][2]int{}}
			known[stream].merge(stored.Seen[stream])
			known[stream].merge(received[stream])
		}
		isSame := exists && reflect.DeepEqual(stored.Seen, known)
		stored.Seen = known
		return !isSame, nil
	})
	return stored.Seen, err
}

func (i *Inbox) fetch(ctx context.Context, stream string, after, upto int) error {
	for after < upto {
		var answer struct {
			Events  []json.RawMessage
			Settled int
		}
		path := fmt.Sprintf("changes/%s/%s?after=%d&limit=%d",
			topicPosts, url.PathEscape(stream), after, min(batchSize, upto-after))
		if err := i.sidecar.Invoke(ctx, producer, path, invokeTimeout, &answer); err != nil {
			return err
		}
		if err := i.Receive(ctx, answer.Events); err != nil {
			return err
		}
		settled := min(answer.Settled, upto)
		if settled <= after {
			return nil
		}
		i.mutex.Lock()
		i.numbers(stream).add(after+1, settled)
		i.mutex.Unlock()
		slog.Info("fetched events that were not delivered", "stream", stream, "upto", settled)
		after = settled
	}
	return nil
}

// Positions is what has arrived of each stream of a topic.
type Positions struct {
	Seen map[string]*Numbers `json:"seen"`
}

// Numbers is a set of sequence numbers: all up to Done, and some ranges above.
type Numbers struct {
	Done  int      `json:"done"`
	Above [][2]int `json:"above"`
}

func (n *Numbers) top() int {
	if n == nil {
		return 0
	}
	if len(n.Above) > 0 {
		return n.Above[len(n.Above)-1][1]
	}
	return n.Done
}

func (n *Numbers) copy() *Numbers { return &Numbers{n.Done, slices.Clone(n.Above)} }

func (n *Numbers) add(low, high int) {
	n.Above = append(n.Above, [2]int{low, high})
	sort.Slice(n.Above, func(i, k int) bool { return n.Above[i][0] < n.Above[k][0] })
	joined := [][2]int{}
	for _, each := range n.Above {
		last := len(joined) - 1
		switch {
		case each[0] <= n.Done+1:
			n.Done = max(n.Done, each[1])
		case last >= 0 && each[0] <= joined[last][1]+1:
			joined[last][1] = max(joined[last][1], each[1])
		default:
			joined = append(joined, each)
		}
	}
	n.Above = joined
}

func (n *Numbers) merge(other *Numbers) {
	if other == nil {
		return
	}
	n.add(1, other.Done)
	for _, each := range other.Above {
		n.add(each[0], each[1])
	}
}

func (n *Numbers) missing(last int) [][2]int {
	gaps, expected := [][2]int{}, 1
	if n != nil {
		expected = n.Done + 1
		for _, each := range n.Above {
			if each[0] > last {
				break
			}
			gaps = append(gaps, [2]int{expected, each[0] - 1})
			expected = each[1] + 1
		}
	}
	if expected <= last {
		gaps = append(gaps, [2]int{expected, last})
	}
	return gaps
}
