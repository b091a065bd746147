package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	topicPosts     = "posts"
	producer       = "posts"
	postChanged    = "post.changed"
	maxDeadLetters = 1_000
	pollInterval   = 1500 * time.Millisecond
	idleInterval   = 3 * time.Second
	batchSize      = 64
	concurrency    = 16
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
	positions *Collection

	mutex     sync.Mutex
	received  map[string]*Numbers // since they were stored last
	announced map[string]int
	tops      map[string]int
	handling  int
}

func NewInbox(sidecar *Sidecar, handle Handler) *Inbox {
	return &Inbox{
		sidecar: sidecar, handle: handle, letters: NewDeadLetters(sidecar),
		positions: &Collection{kind: "inbox", sidecar: sidecar},
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
	if err := i.handleOne(ctx, event); err != nil {
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
	known := map[string]*Numbers{}
	_, err := i.positions.Update(ctx, topicPosts, func(data json.RawMessage) (json.RawMessage, error) {
		var stored struct {
			Seen map[string]*Numbers `json:"seen"`
		}
		if data != nil {
			if err := json.Unmarshal(data, &stored); err != nil {
				return nil, err
			}
		}
		known = map[string]*Numbers{}
		for stream := range heads {
			known[stream] = &Numbers{}
			known[stream].merge(stored.Seen[stream])
			known[stream].merge(received[stream])
		}
		if data != nil && same(stored.Seen, known) {
			return data, nil
		}
		return json.Marshal(map[string]any{"seen": known})
	})
	return known, err
}

func same(a, b map[string]*Numbers) bool {
	first, _ := json.Marshal(a)
	second, _ := json.Marshal(b)
	return string(first) == string(second)
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

// Numbers is a set of sequence numbers: all up to Done, and some ranges above.
type Numbers struct {
	Done  int      `json:"done"`
	Above [][2]int `json:"above"`
}

func (n *Numbers) MarshalJSON() ([]byte, error) {
	above := n.Above
	if above == nil {
		above = [][2]int{}
	}
	return json.Marshal(map[string]any{"done": n.Done, "above": above})
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

func (n *Numbers) copy() *Numbers { return &Numbers{n.Done, append([][2]int{}, n.Above...)} }

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

// ── dead letters ────────────────────────────────────────────────────────────────────────────

// DeadLetters keeps the events that could not be handled.
type DeadLetters struct{ letters, index *Collection }

// Letter is an event that could not be handled, as it was received.
type Letter struct {
	ID    string          `json:"id"`
	Topic string          `json:"topic"`
	Why   string          `json:"why"`
	At    string          `json:"at"`
	Event json.RawMessage `json:"event"`
}

type letterIndex struct {
	IDs []string `json:"ids"`
}

func NewDeadLetters(sidecar *Sidecar) *DeadLetters {
	return &DeadLetters{
		letters: &Collection{kind: "dead-letter", sidecar: sidecar},
		index:   &Collection{kind: "dead-letters", sidecar: sidecar},
	}
}

// Add keeps an event, a repeated one once.
func (d *DeadLetters) Add(ctx context.Context, topic string, event json.RawMessage, why string) error {
	digest := sha256.Sum256(append([]byte(topic+" "), compacted(event)...))
	id := hex.EncodeToString(digest[:])[:16]
	letter, err := json.Marshal(Letter{id, topic, why, timestamp(time.Now()), event})
	if err != nil {
		return err
	}
	_, err = d.letters.Update(ctx, id, func(data json.RawMessage) (json.RawMessage, error) {
		if data != nil {
			return data, nil
		}
		return letter, nil
	})
	if err != nil {
		return err
	}
	var dropped []string
	err = d.change(ctx, func(ids []string) []string {
		ids = append(removed(ids, id), id)
		excess := max(0, len(ids)-maxDeadLetters)
		dropped = ids[:excess]
		return ids[excess:]
	})
	for _, old := range dropped {
		_ = d.letters.sidecar.Delete(ctx, d.letters.Key(old))
	}
	return err
}

// All returns the dead letters, oldest first.
func (d *DeadLetters) All(ctx context.Context) ([]json.RawMessage, error) {
	found, err := d.index.Get(ctx, "all")
	if err != nil {
		return nil, err
	}
	var index letterIndex
	if raw := found["all"]; raw != nil {
		if err := json.Unmarshal(raw, &index); err != nil {
			return nil, err
		}
	}
	letters, err := d.letters.Get(ctx, index.IDs...)
	if err != nil {
		return nil, err
	}
	all := []json.RawMessage{}
	for _, id := range index.IDs {
		if letters[id] != nil {
			all = append(all, letters[id])
		}
	}
	return all, nil
}

// Replay handles all of them again; those that fail are kept.
func (d *DeadLetters) Replay(
	ctx context.Context, handle func(context.Context, json.RawMessage) error,
) (int, map[string]string, error) {
	letters, err := d.All(ctx)
	if err != nil {
		return 0, nil, err
	}
	failed := map[string]string{}
	for _, raw := range letters {
		var letter Letter
		if err := json.Unmarshal(raw, &letter); err != nil {
			return 0, nil, err
		}
		if err := handle(ctx, letter.Event); err != nil {
			failed[letter.ID] = err.Error()
			continue
		}
		err := d.change(ctx, func(ids []string) []string { return removed(ids, letter.ID) })
		if err != nil {
			return 0, nil, err
		}
		_ = d.letters.sidecar.Delete(ctx, d.letters.Key(letter.ID))
	}
	return len(letters) - len(failed), failed, nil
}

func (d *DeadLetters) change(ctx context.Context, apply func(ids []string) []string) error {
	_, err := d.index.Update(ctx, "all", func(data json.RawMessage) (json.RawMessage, error) {
		index := letterIndex{IDs: []string{}}
		if data != nil {
			if err := json.Unmarshal(data, &index); err != nil {
				return nil, err
			}
		}
		before := strings.Join(index.IDs, " ")
		index.IDs = apply(index.IDs)
		if data != nil && strings.Join(index.IDs, " ") == before {
			return data, nil
		}
		return json.Marshal(index)
	})
	return err
}

func removed(ids []string, id string) []string {
	kept := make([]string, 0, len(ids)+1)
	for _, each := range ids {
		if each != id {
			kept = append(kept, each)
		}
	}
	return kept
}

// compacted is an event in a form that is the same however it was written.
func compacted(raw json.RawMessage) []byte {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return raw
	}
	form, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return form
}
