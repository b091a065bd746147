package service

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"microgram/guests/go/failure"
)

const (
	maxRequests   = 100
	maxPartPath   = 1_000
	maxPartParams = 20
	maxPartToken  = 4_000
)

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

func (a *App) bundle(w http.ResponseWriter, r *http.Request) error {
	var request struct {
		Questions *[]bundled `json:"questions"`
	}
	if err := ReadJSON(r, &request); err != nil {
		return err
	}
	if request.Questions == nil || len(*request.Questions) > maxRequests {
		return failure.Invalid("questions must be a list of at most 100 requests.")
	}
	for _, each := range *request.Questions {
		if !each.isValid() {
			return failure.Invalid("A request of a batch is too large, or has a token and is anonymous.")
		}
	}
	answers := make([]json.RawMessage, len(*request.Questions))
	var waiting sync.WaitGroup
	for i, each := range *request.Questions {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			answers[i] = a.answer(r, each)
		}()
	}
	waiting.Wait()
	WriteJSON(w, 200, answers)
	return nil
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
		defer recovered(answer)
		a.mux.ServeHTTP(answer, inner)
	}()
	body := json.RawMessage("null")
	if json.Valid(answer.body.Bytes()) && answer.body.Len() > 0 {
		body = answer.body.Bytes()
	}
	made, _ := json.Marshal(map[string]any{"status": answer.status, "body": body})
	return made
}
