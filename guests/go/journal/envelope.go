package journal

import (
	"encoding/json"
	"fmt"
)

// ChangeID names the change that made a document's present version.
type ChangeID struct {
	Stream      string `json:"stream"`
	Sequence    int    `json:"sequence"`
	Time        string `json:"time"`
	Traceparent string `json:"traceparent"`
}

// Envelope is the form in which every document is stored.
type Envelope struct {
	Schema  int             `json:"schema"`
	Version int             `json:"version"`
	Change  ChangeID        `json:"change"`
	Data    json.RawMessage `json:"data"`
}

// ReadEnvelope reads a stored document.
func ReadEnvelope(raw json.RawMessage) (*Envelope, error) {
	var envelope Envelope
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return nil, fmt.Errorf("a stored document has no envelope: %w", err)
	}
	return &envelope, nil
}
