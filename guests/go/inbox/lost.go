package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"
)

const (
	pollInterval  = 1500 * time.Millisecond
	idleInterval  = 3 * time.Second
	invokeTimeout = 10 * time.Second
	batchSize     = 64
)

// Watch asks the producers for lost events for as long as the service runs.
func (i *Inbox) Watch(ctx context.Context) {
	var watching sync.WaitGroup
	for producer, topics := range i.producers {
		watching.Add(1)
		go func() {
			defer watching.Done()
			i.watchOne(ctx, producer, topics)
		}()
	}
	watching.Wait()
}

func (i *Inbox) watchOne(ctx context.Context, producer string, topics []string) {
	isComplete := true
	for ctx.Err() == nil {
		pause := pollInterval
		if isComplete {
			pause = idleInterval
		}
		time.Sleep(time.Duration(float64(pause) * (0.8 + 0.2*rand.Float64())))
		var err error
		if isComplete, err = i.reconcile(ctx, producer, topics); err != nil {
			slog.Warn("could not fetch missing events", "producer", producer, "why", err.Error())
		}
	}
}

// reconcile fetches what was announced at the poll before and has not arrived.
func (i *Inbox) reconcile(ctx context.Context, producer string, topics []string) (bool, error) {
	var answer map[string]map[string]int
	path := "changes?topics=" + strings.Join(topics, ",")
	if err := i.sidecar.Invoke(ctx, producer, path, invokeTimeout, &answer); err != nil {
		return false, err
	}
	isComplete, failures := true, []error{}
	for _, topic := range topics {
		isTopicComplete, err := i.reconcileTopic(ctx, producer, topic, answer[topic])
		isComplete = isComplete && isTopicComplete
		failures = append(failures, err)
	}
	return isComplete, errors.Join(failures...)
}

func (i *Inbox) reconcileTopic(
	ctx context.Context, producer, topic string, heads map[string]int,
) (bool, error) {
	i.mutex.Lock()
	announced := i.announced[topic]
	i.announced[topic] = heads
	i.mutex.Unlock()
	known, err := i.storePositions(ctx, topic, heads)
	if err != nil {
		return false, err
	}
	isComplete, failures := true, []error{}
	for stream, head := range heads {
		last, bound := announced[stream], i.gapUpperBound(stream, announced[stream], known[stream])
		isComplete = isComplete && last == head && len(known[stream].missing(head)) == 0
		for _, gap := range known[stream].missing(bound) {
			if err := i.fetch(ctx, producer, topic, stream, gap[0]-1, gap[1]); err != nil {
				failures = append(failures, err) // it delays no other stream
				break
			}
		}
	}
	return isComplete, errors.Join(failures...)
}

// gapUpperBound: while events still arrive, what lies above the highest received one is only late.
func (i *Inbox) gapUpperBound(stream string, last int, seen *numbers) int {
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
func (i *Inbox) storePositions(
	ctx context.Context, topic string, heads map[string]int,
) (map[string]*numbers, error) {
	i.mutex.Lock()
	received := map[string]*numbers{}
	for stream, each := range i.received {
		received[stream] = each.copy()
	}
	i.mutex.Unlock()
	stored, err := i.positions.Update(ctx, topic, func(stored *positions, exists bool) (bool, error) {
		known := map[string]*numbers{}
		for stream := range heads {
			known[stream] = &numbers{Above: [][2]int{}}
			known[stream].merge(stored.Seen[stream])
			known[stream].merge(received[stream])
		}
		isSame := exists && reflect.DeepEqual(stored.Seen, known)
		stored.Seen = known
		return !isSame, nil
	})
	return stored.Seen, err
}

func (i *Inbox) fetch(
	ctx context.Context, producer, topic, stream string, after, upto int,
) error {
	for after < upto {
		var answer struct {
			Events  []json.RawMessage
			Settled int
		}
		path := fmt.Sprintf("changes/%s/%s?after=%d&limit=%d",
			topic, url.PathEscape(stream), after, min(batchSize, upto-after))
		if err := i.sidecar.Invoke(ctx, producer, path, invokeTimeout, &answer); err != nil {
			return err
		}
		if err := i.Receive(ctx, topic, answer.Events); err != nil {
			return err
		}
		settled := min(answer.Settled, upto)
		if settled <= after {
			return nil
		}
		i.mutex.Lock()
		i.numbersOf(stream).add(after+1, settled)
		i.mutex.Unlock()
		slog.Info("fetched events that were not delivered", "topic", topic, "stream", stream, "upto", settled)
		after = settled
	}
	return nil
}
