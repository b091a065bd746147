package service

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"microgram/guests/go/inbox"
)

func (a *App) subscriptions(w http.ResponseWriter, _ *http.Request) error {
	found, dead := []map[string]string{}, a.Name+"-dead"
	for _, topic := range a.inbox.Topics() {
		found = append(found, map[string]string{
			"pubsubname": "pubsub", "topic": topic, "route": "/events/" + topic, "deadLetterTopic": dead,
		})
	}
	if len(found) > 0 {
		found = append(found, map[string]string{
			"pubsubname": "pubsub", "topic": dead, "route": "/events-dead",
		})
	}
	WriteJSON(w, 200, found)
	return nil
}

func (a *App) receive(topic string) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		WriteJSON(w, 200, map[string]string{"status": a.receiveMessage(topic, r)})
		return nil
	}
}

// receiveMessage returns what the sidecar is to do with a message.
func (a *App) receiveMessage(topic string, r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	var events []json.RawMessage
	if err == nil {
		events, err = inbox.ParseMessage(body)
	}
	if err == nil {
		err = a.inbox.Receive(r.Context(), topic, events)
	}
	var poison inbox.Poison
	switch {
	case errors.As(err, &poison):
		slog.ErrorContext(r.Context(), "poison message", "why", poison.Why)
		return "DROP"
	case err != nil:
		return "RETRY"
	}
	return "SUCCESS"
}

func (a *App) receiveDead(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = a.inbox.ReceiveDead(r.Context(), body)
	}
	if err != nil {
		return err
	}
	WriteJSON(w, 200, map[string]string{"status": "SUCCESS"})
	return nil
}
