// Package lists stores long lists as heads and segments, as services/chassis/storage does: a list of
// any length costs two reads for its newest rows.
package lists

import (
	"context"
	"encoding/json"
	"errors"

	"microgram/guests/go/documents"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar"
)

const (
	maxAttempts    = 8
	rowsPerSegment = 60
	refsPerIndex   = 32
)

// Row is a row of a list: first the id by which the list is sorted.
type Row []string

// Ref names a segment: its newest and oldest id, its rows, and its level in the tree.
type Ref struct {
	Name, High, Low string
	Count, Level    int
}

// Head is the document of a list: its newest rows, and references to segments with the others.
type Head struct {
	Recent   []Row
	Segments []Ref
	Total    int
}

type storedHead struct {
	Recent string `json:"recent"`
	Spans  string `json:"spans"`
	Total  int    `json:"total"`
}

// MarshalJSON writes rows as texts: the sidecar parses each document, and texts are cheaper.
func (h Head) MarshalJSON() ([]byte, error) {
	recent, err := json.Marshal(append([]Row{}, h.Recent...))
	if err != nil {
		return nil, err
	}
	spans, err := json.Marshal(append([]Ref{}, h.Segments...))
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedHead{string(recent), string(spans), h.Total})
}

// UnmarshalJSON reads a head.
func (h *Head) UnmarshalJSON(raw []byte) error {
	var stored storedHead
	if err := json.Unmarshal(raw, &stored); err != nil {
		return err
	}
	h.Total = stored.Total
	return errors.Join(
		json.Unmarshal([]byte(stored.Recent), &h.Recent), json.Unmarshal([]byte(stored.Spans), &h.Segments),
	)
}

// TotalOf returns the number of rows of a list, from the data of its head as they are stored.
func TotalOf(data json.RawMessage) (int, error) {
	var stored storedHead
	err := json.Unmarshal(data, &stored)
	return stored.Total, err
}

// IDsOf returns the ids of rows.
func IDsOf(rows []Row) map[string]bool {
	found := map[string]bool{}
	for _, row := range rows {
		found[row[0]] = true
	}
	return found
}

// MarshalJSON writes a reference as a row.
func (r Ref) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{r.Name, r.High, r.Low, r.Count, r.Level})
}

// UnmarshalJSON reads a row; an old one has no level.
func (r *Ref) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(raw, &[]any{&r.Name, &r.High, &r.Low, &r.Count, &r.Level})
}

// segment is the document of a segment: rows, or references to other segments, as a text.
type segment struct {
	Rows string `json:"rows"`
}

// Lists is all long lists of one kind. Only heads are swapped; segments are written once.
type Lists struct {
	heads    *documents.Collection[Head]
	segments *documents.Collection[segment]
	waiting  insertions
}

// New returns the lists of a kind. With an outbox each change of a head is published.
func New(client *sidecar.Client, kind string, outbox *journal.Outbox) *Lists {
	return &Lists{
		heads:    documents.NewTold[Head](client, kind, outbox, nil),
		segments: documents.New[segment](client, kind+"-segment"),
		waiting:  insertions{byList: map[string]*insertion{}},
	}
}

// Key returns the key of the head of a list.
func (l *Lists) Key(id string) string { return l.heads.Key(id) }

// HeadFrom returns the head of a list from documents that were read together. It may be empty.
func (l *Lists) HeadFrom(envelopes map[string]*journal.Envelope, id string) (*Head, error) {
	head, err := l.heads.From(envelopes, id)
	if head == nil {
		head = &Head{}
	}
	return head, err
}

// Head returns the head of a list, which may be empty.
func (l *Lists) Head(ctx context.Context, id string) (*Head, error) {
	found, err := l.heads.Get(ctx, id)
	if err != nil || found[id] == nil {
		return &Head{}, err
	}
	return found[id], nil
}

// filter returns the items that are to be kept, and leaves the others where they are.
func filter[T any](items []T, isKept func(T) bool) []T {
	kept := []T{}
	for _, item := range items {
		if isKept(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
