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
	for producer, subscriptions := range i.byProducer() {
		watching.Add(1)
		go func() {
			defer watching.Done()
			i.watchOne(ctx, producer, subscriptions)
		}()
	}
	watching.Wait()
}

func (i *Inbox) byProducer() map[string][]*subscription {
	found := map[string][]*subscription{}
	for _, each := range i.subscriptions {
		found[each.producer] = append(found[each.producer], each)
	}
	return found
}

func (i *Inbox) watchOne(ctx context.Context, producer string, subscriptions []*subscription) {
	isComplete := true
	for ctx.Err() == nil {
		pause := pollInterval
		if isComplete {
			pause = idleInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(float64(pause) * (0.8 + 0.2*rand.Float64()))):
		}
		var err error
		if isComplete, err = i.reconcile(ctx, producer, subscriptions); err != nil {
			slog.Warn("could not fetch missing events", "producer", producer, "why", err.Error())
		}
	}
}

// reconcile fetches what was announced at the poll before and has not arrived.
func (i *Inbox) reconcile(
	ctx context.Context, producer string, subscriptions []*subscription,
) (bool, error) {
	topics := []string{}
	for _, each := range subscriptions {
		topics = append(topics, each.topic)
	}
	var answer map[string]map[string]int
	path := "changes?topics=" + strings.Join(topics, ",")
	if err := i.sidecar.Invoke(ctx, producer, path, invokeTimeout, &answer); err != nil {
		return false, err
	}
	isComplete, failures := true, []error{}
	for _, each := range subscriptions {
		isTopicComplete, err := i.reconcileTopic(ctx, each, answer[each.topic])
		isComplete = isComplete && isTopicComplete
		failures = append(failures, err)
	}
	return isComplete, errors.Join(failures...)
}

func (i *Inbox) reconcileTopic(
	ctx context.Context, of *subscription, heads map[string]int,
) (bool, error) {
	announced := of.announce(heads)
	known, err := i.storePositions(ctx, of, heads)
	if err != nil {
		return false, err
	}
	isComplete, failures := true, []error{}
	for stream, head := range heads {
		last, bound := announced[stream], of.gapUpperBound(stream, announced[stream], known[stream])
		isComplete = isComplete && last == head && len(known[stream].missing(head)) == 0
		for _, gap := range known[stream].missing(bound) {
			if err := i.fetch(ctx, of, stream, gap[0]-1, gap[1]); err != nil {
				failures = append(failures, err) // it delays no other stream
				break
			}
		}
	}
	return isComplete, errors.Join(failures...)
}

// storePositions merges what was received with what others have stored: a hint for the next start.
func (i *Inbox) storePositions(
	ctx context.Context, of *subscription, heads map[string]int,
) (map[string]*numbers, error) {
	received := of.copyReceived()
	stored, err := i.positions.Update(ctx, of.topic, func(stored *positions, exists bool) (bool, error) {
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
	if err != nil {
		return nil, err
	}
	return stored.Seen, nil
}

func (i *Inbox) fetch(
	ctx context.Context, of *subscription, stream string, after, upto int,
) error {
	for after < upto {
		var answer struct {
			Events  []json.RawMessage
			Settled int
		}
		path := fmt.Sprintf("changes/%s/%s?after=%d&limit=%d",
			of.topic, url.PathEscape(stream), after, min(batchSize, upto-after))
		if err := i.sidecar.Invoke(ctx, of.producer, path, invokeTimeout, &answer); err != nil {
			return err
		}
		if err := i.Receive(ctx, of.topic, answer.Events); err != nil {
			return err
		}
		settled := min(answer.Settled, upto)
		if settled <= after {
			return nil
		}
		of.markReceived(stream, after+1, settled)
		slog.Info("fetched events that were not delivered", "topic", of.topic, "stream", stream, "upto", settled)
		after = settled
	}
	return nil
}
