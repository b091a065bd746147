package inbox

import (
	"context"
	"fmt"
	"sync"

	"microgram/guests/go/trace"
)

// subscription is a topic: who tells it, how its events are handled, and what of it has arrived.
type subscription struct {
	topic, producer string
	handlers        map[string]Handler // by the type of an event

	mutex     sync.Mutex
	received  map[string]*numbers // since the start, of streams that the producer still names
	announced map[string]int
	tops      map[string]int
	handling  int
}

func newSubscription(topic, producer string, handlers map[string]Handler) *subscription {
	return &subscription{
		topic: topic, producer: producer, handlers: handlers,
		received: map[string]*numbers{}, announced: map[string]int{}, tops: map[string]int{},
	}
}

func (s *subscription) handle(ctx context.Context, event *Event) error {
	if event.Source != s.producer {
		return Poison{fmt.Sprintf("%s is from %s, not %s.", event.Type, event.Source, s.producer)}
	}
	handle, isKnown := s.handlers[event.Type]
	if !isKnown {
		return nil // a newer type
	}
	return handle(trace.Continue(ctx, event.Traceparent), event)
}

// handleSafely turns a panic of a handler into an error: it must not end the process.
func (s *subscription) handleSafely(ctx context.Context, event *Event) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the handler failed: %v", fault)
		}
	}()
	return s.handle(ctx, event)
}

// begin notes that events are handled, until the function that it returns is called.
func (s *subscription) begin() (end func()) {
	s.count(1)
	return func() { s.count(-1) }
}

func (s *subscription) count(difference int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.handling += difference
}

func (s *subscription) markReceived(stream string, low, high int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.received[stream] == nil {
		s.received[stream] = &numbers{}
	}
	s.received[stream].add(low, high)
}

// announce notes the last numbers of streams, and returns those that were told before. Of a stream
// that the producer no longer names, nothing is remembered.
func (s *subscription) announce(heads map[string]int) (before map[string]int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before, s.announced = s.announced, heads
	for stream := range before {
		if _, isNamed := heads[stream]; !isNamed {
			delete(s.received, stream)
			delete(s.tops, stream)
		}
	}
	return before
}

// copyReceived returns what has arrived of each stream.
func (s *subscription) copyReceived() map[string]*numbers {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	received := map[string]*numbers{}
	for stream, each := range s.received {
		received[stream] = each.copy()
	}
	return received
}

// gapUpperBound: while events still arrive, what lies above the highest received one is only late.
func (s *subscription) gapUpperBound(stream string, last int, seen *numbers) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	top, before := seen.top(), s.tops[stream]
	s.tops[stream] = top
	if top > before && before > 0 || s.handling > 0 {
		return min(last, top)
	}
	return last
}
