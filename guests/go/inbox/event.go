package inbox

import (
	"encoding/json"
	"fmt"
)

// Poison is an event that no retry can help. It goes to the dead letters.
type Poison struct{ Why string }

// Error returns the reason.
func (p Poison) Error() string { return p.Why }

// Event is the newest state of a document, and the version of that state.
type Event struct {
	ID, Type, Source, Subject, Stream, Topic string
	Traceparent                              string
	Sequence, Entityversion                  int
	Data                                     json.RawMessage
}

// Decode reads the data of an event. It is poison if they are of another form, or lack one of the
// required fields.
func (e *Event) Decode(into any, required ...string) error {
	fields := map[string]json.RawMessage{}
	err := json.Unmarshal(e.Data, &fields)
	if err == nil {
		err = json.Unmarshal(e.Data, into)
	}
	if err != nil {
		return Poison{fmt.Sprintf("%s %s: %v", e.Type, e.Subject, err)}
	}
	for _, name := range required {
		if value := fields[name]; len(value) == 0 || string(value) == "null" {
			return Poison{fmt.Sprintf("%s %s: %s is missing.", e.Type, e.Subject, name)}
		}
	}
	return nil
}

// ParseMessage returns the events in a message of the broker. Anything else is poison.
func ParseMessage(body []byte) ([]json.RawMessage, error) {
	var message struct {
		Type string
		Data struct{ Events *[]json.RawMessage }
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, Poison{"The message is invalid: it is no CloudEvent."}
	}
	if message.Type != "events" || message.Data.Events == nil {
		return nil, Poison{`The message is invalid: it is no CloudEvent of type "events".`}
	}
	return *message.Data.Events, nil
}

func parseEvent(body json.RawMessage) (*Event, error) {
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, Poison{"The event is invalid: " + err.Error()}
	}
	for name, value := range map[string]string{
		"id": event.ID, "type": event.Type, "source": event.Source,
		"subject": event.Subject, "stream": event.Stream,
	} {
		if value == "" {
			return nil, Poison{"The event is invalid: " + name + " is missing."}
		}
	}
	if event.Sequence < 1 || event.Entityversion < 1 || !isObject(event.Data) {
		return nil, Poison{"The event is invalid: sequence, entityversion or data is missing."}
	}
	return &event, nil
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
