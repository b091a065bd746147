package service

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"microgram/guests/go/failure"
)

const (
	maxRequests   = 100
	maxPartPath   = 1_000
	maxPartParams = 20
	maxPartToken  = 4_000
	maxSeconds    = 10
)

var noAnswer = json.RawMessage(
	`{"status":504,"body":{"code":"outcome_unknown","message":"No answer in time."}}`)

// bundled is a request of a batch.
type bundled struct {
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Params    map[string]string `json:"params"`
	Body      json.RawMessage   `json:"body"`
	Token     string            `json:"token"`
	Anonymous bool              `json:"anonymous"`
}

// isValid tells whether it has the bounds that every service gives a request of a batch.
func (b bundled) isValid() bool {
	hasOneCaller := !b.Anonymous || b.Token == ""
	return hasOneCaller && utf8.RuneCountInString(b.Path) <= maxPartPath &&
		len(b.Params) <= maxPartParams && utf8.RuneCountInString(b.Token) <= maxPartToken
}

// recorded is the answer to a request of a batch.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(b []byte) (int, error) { return r.body.Write(b) }

// batch is several requests. One that is not answered after Seconds has the status 504, and goes on;
// the others are answered.
type batch struct {
	Questions *[]bundled `json:"questions"`
	Seconds   *float64   `json:"seconds"`
}

func (b *batch) check() error {
	if b.Questions == nil || len(*b.Questions) > maxRequests {
		return failure.Invalid("questions must be a list of at most 100 requests.")
	}
	for _, each := range *b.Questions {
		if !each.isValid() {
			return failure.Invalid("A request of a batch is too large, or has a token and is anonymous.")
		}
	}
	if b.Seconds != nil && !(*b.Seconds > 0 && *b.Seconds <= maxSeconds) {
		return failure.Invalid("seconds must be a number above 0, and at most 10.")
	}
	return nil
}

func (b *batch) timeout() time.Duration {
	if b.Seconds == nil {
		return maxSeconds * time.Second
	}
	return time.Duration(*b.Seconds * float64(time.Second))
}

// numbered is the answer to one of several requests.
type numbered struct {
	index  int
	answer json.RawMessage
}

func (a *App) bundle(w http.ResponseWriter, r *http.Request) error {
	var asked batch
	if err := ReadJSON(r, &asked); err != nil {
		return err
	}
	if err := asked.check(); err != nil {
		return err
	}
	parts := *asked.Questions
	arrived := make(chan numbered, len(parts)) // so that a late answer waits for nobody
	lasting := r.WithContext(context.WithoutCancel(r.Context()))
	for i, each := range parts {
		go func() { arrived <- numbered{i, a.answer(lasting, each)} }()
	}
	WriteJSON(w, 200, collect(arrived, len(parts), asked.timeout()))
	return nil
}

// collect returns the answers in the order of their requests, without those that take too long.
func collect(arrived <-chan numbered, count int, timeout time.Duration) []json.RawMessage {
	answers := make([]json.RawMessage, count)
	for i := range answers {
		answers[i] = noAnswer
	}
	expired := time.After(timeout)
	for range count {
		select {
		case each := <-arrived:
			answers[each.index] = each.answer
		case <-expired:
			return answers
		}
	}
	return answers
}

func (a *App) answer(r *http.Request, asked bundled) json.RawMessage {
	query := url.Values{}
	for name, value := range asked.Params {
		query.Set(name, value)
	}
	path := "/" + strings.TrimLeft(asked.Path, "/")
	method := asked.Method
	if method == "" {
		method = http.MethodGet
	}
	inner, err := http.NewRequestWithContext(
		r.Context(), method, "http://bundle"+path+"?"+query.Encode(), bytes.NewReader(asked.Body),
	)
	isAllowed := method == http.MethodGet || method == http.MethodPost
	if err != nil || !isAllowed || strings.HasPrefix(inner.URL.Path, "/bundles") {
		return []byte(`{"status":404,"body":{"code":"not_found","message":"A batch cannot contain this."}}`)
	}
	inner.Header = r.Header.Clone()
	if asked.Anonymous {
		inner.Header.Del("authorization")
	}
	if asked.Token != "" {
		inner.Header.Set("authorization", "Bearer "+asked.Token)
	}
	answer := &recorded{header: http.Header{}, status: 200}
	func() {
		defer recovered(inner.Context(), answer)
		a.mux.ServeHTTP(answer, inner)
	}()
	body := json.RawMessage("null")
	if json.Valid(answer.body.Bytes()) && answer.body.Len() > 0 {
		body = answer.body.Bytes()
	}
	made, _ := json.Marshal(map[string]any{"status": answer.status, "body": body})
	return made
}
