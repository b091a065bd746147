package service

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"microgram/guests/go/failure"
	"microgram/guests/go/journal"
)

// published is an outbox, and who may ask for its events.
type published struct {
	*journal.Outbox
	subscribers []string
}

func (a *App) handleChanges() {
	if len(a.outboxes) == 0 {
		return
	}
	callers := []string{}
	for _, each := range a.outboxes {
		callers = append(callers, each.subscribers...)
	}
	a.Handle("GET /changes", callers, a.heads)
	a.Handle("GET /changes/{topic}/{stream}", callers, a.changes)
}

// outbox returns the outbox of a topic, if the caller may ask for its events.
func (a *App) outbox(r *http.Request, topic string) (*journal.Outbox, error) {
	for _, each := range a.outboxes {
		if each.Topic() != topic {
			continue
		}
		if caller, _ := callerOf(r); !slices.Contains(each.subscribers, caller) {
			return nil, failure.Forbidden("The caller does not subscribe to the topic \"" + topic + "\".")
		}
		return each.Outbox, nil
	}
	return nil, failure.NotFound("This service does not produce the topic \"" + topic + "\".")
}

func (a *App) heads(w http.ResponseWriter, r *http.Request) error {
	found := map[string]map[string]int{}
	for _, topic := range strings.Split(r.URL.Query().Get("topics"), ",") {
		outbox, err := a.outbox(r, topic)
		if err != nil {
			return err
		}
		if found[topic], err = outbox.Heads(r.Context()); err != nil {
			return err
		}
	}
	WriteJSON(w, 200, found)
	return nil
}

func (a *App) changes(w http.ResponseWriter, r *http.Request) error {
	outbox, err := a.outbox(r, r.PathValue("topic"))
	if err != nil {
		return err
	}
	after, err := strconv.Atoi(r.URL.Query().Get("after"))
	limit := journal.MaxChanges
	if given := r.URL.Query().Get("limit"); given != "" && err == nil {
		limit, err = strconv.Atoi(given)
	}
	if err != nil || after < 0 || limit < 1 || limit > journal.MaxChanges {
		return failure.Invalid("after must be a number, and limit one from 1 to 64.")
	}
	events, upto, err := outbox.Changes(r.Context(), r.PathValue("stream"), after, limit)
	if err != nil {
		return err
	}
	WriteJSON(w, 200, map[string]any{"events": events, "settled": upto})
	return nil
}
