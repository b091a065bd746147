package inbox

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
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

// maxCharacters are the bounds of the texts of an event, which are those of the Python services.
var maxCharacters = map[string]int{"id": 512, "type": 128, "source": 64, "subject": 256, "stream": 64}

func parseEvent(body json.RawMessage) (*Event, error) {
	var event Event
	fields := map[string]json.RawMessage{}
	err := json.Unmarshal(body, &fields)
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		return nil, Poison{"The event is invalid: " + err.Error()}
	}
	for name, most := range maxCharacters {
		var value *string // an empty one is good
		if err := json.Unmarshal(fields[name], &value); err != nil || value == nil {
			return nil, Poison{"The event is invalid: " + name + " is missing."}
		}
		if utf8.RuneCountInString(*value) > most {
			return nil, Poison{"The event is invalid: " + name + " is too long."}
		}
	}
	if event.Sequence < 1 || event.Entityversion < 1 || !isObject(event.Data) {
		return nil, Poison{"The event is invalid: sequence, entityversion or data is missing."}
	}
	return &event, nil
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
