package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	maxBody        = 24 << 20 // what the sidecar passes on
	maxRequests    = 100
	maxPartPath    = 1_000
	maxPartParams  = 20
	maxPartToken   = 4_000
	maxRows        = 4_096
	snowflakeShift = 16
	clockSkew      = 5 * time.Second
	ownSidecar     = ""
	operatorHeader = "microgram-operator-token"
	operatorSecret = "operator-token-sha256"
)

// subscribers says who may ask for the events of a topic: see services/access.yaml.
var subscribers = map[string][]string{
	"comments":       {"posts"},
	"comment-counts": {"feed", "posts"},
}

// App is the routes of the service.
type App struct {
	sidecar    *Sidecar
	token      []byte
	verifier   *Verifier
	repository *Repository
	inbox      *Inbox
}

func NewApp(
	sidecar *Sidecar, token string, verifier *Verifier, repository *Repository, inbox *Inbox,
) *App {
	return &App{sidecar, []byte(token), verifier, repository, inbox}
}

type route func(w http.ResponseWriter, r *http.Request) error

// Handler admits the sidecar by its token, and to each route the callers that may call it.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, handle http.HandlerFunc) { mux.HandleFunc(pattern, handle) }
	open("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]string{"status": "ok", "service": service})
	})
	open("GET /readyz", a.ready)
	gateway := []string{"gateway"}
	own := []string{ownSidecar}
	everySubscriber := append(slices.Clone(subscribers["comments"]), subscribers["comment-counts"]...)
	a.add(mux, "GET /threads/{id}", gateway, a.thread)
	a.add(mux, "POST /bundles", gateway, func(w http.ResponseWriter, r *http.Request) error {
		return a.bundle(w, r, mux)
	})
	a.add(mux, "GET /changes", everySubscriber, a.heads)
	a.add(mux, "GET /changes/{topic}/{stream}", everySubscriber, a.changes)
	a.add(mux, "GET /dapr/subscribe", own, a.subscriptions)
	a.add(mux, "POST /events/posts", own, a.receive)
	a.add(mux, "POST /events-dead", own, a.receiveDead)
	a.add(mux, "GET /deadletters", own, a.operator(a.deadLetters))
	a.add(mux, "POST /deadletters/replay", own, a.operator(a.replay))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeFailure(w, notFound("There is no such route."))
	})
	return a.admit(mux)
}

func (a *App) add(mux *http.ServeMux, pattern string, callers []string, handle route) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		names := r.Header.Values("dapr-caller-app-id")
		caller := ownSidecar
		if len(names) > 0 {
			caller = names[0]
		}
		if len(names) > 1 || (len(names) == 1 && caller == "") || !slices.Contains(callers, caller) {
			slog.Warn("service_call_refused", "caller", caller, "route", pattern)
			writeFailure(w, forbidden("The access file does not name the caller for this route."))
			return
		}
		if err := handle(w, r); err != nil {
			var failure *Failure
			if !errors.As(err, &failure) {
				slog.Error("a request failed", "route", pattern, "why", err.Error())
			}
			writeFailure(w, err)
		}
	})
}

func (a *App) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, trace := startTrace(r.Context(), r.Header)
		w.Header().Set("x-request-id", trace.requestID)
		isOpen := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		given := []byte(r.Header.Get("dapr-api-token"))
		if !isOpen && subtle.ConstantTimeCompare(given, a.token) != 1 {
			writeFailure(w, unauthenticated("This route is for the sidecar. Call it through Dapr."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		defer recovered(w)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func recovered(w http.ResponseWriter) {
	if fault := recover(); fault != nil {
		slog.Error("a request failed", "why", fault)
		writeFailure(w, &Failure{500, "internal", "The service failed."})
	}
}

func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	status, text := 200, "ok"
	if !a.sidecar.IsReady(r.Context()) {
		status, text = 503, "no sidecar"
	}
	writeJSON(w, status, map[string]string{"status": text, "service": service})
}

// ── threads ─────────────────────────────────────────────────────────────────────────────────

func (a *App) thread(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.reader(r)
	if err != nil {
		return err
	}
	limits := anonymous
	if caller != nil && caller.UserID != "" {
		limits = signedIn
	}
	id, isValid := normalizedID(r.PathValue("id"))
	if !isValid {
		return notFound("There is no such post.")
	}
	if given := r.URL.Query().Get("descendants"); given != "" {
		wanted, err := strconv.Atoi(given)
		if err != nil || wanted < 0 || wanted > signedIn.descendants {
			return invalid("descendants must be a number from 0 to 1024.")
		}
		limits.descendants = min(wanted, limits.descendants)
	}
	above, below, err := a.around(r.Context(), id, limits)
	if err != nil {
		return err
	}
	writeJSON(w, 200, map[string][]string{"ancestors": above, "descendants": below})
	return nil
}

func (a *App) around(ctx context.Context, id string, limits Limits) ([]string, []string, error) {
	none := []string{}
	comment, thread, gone, err := a.repository.thread(ctx, id)
	if err != nil || (comment != nil && comment.Deleted) {
		return none, none, err
	}
	above, below := none, none
	if comment != nil {
		window := Window{Limit: maxRows, Max: comment.ID}
		var rows []Row
		if len(comment.Path) >= maxPath {
			if rows, err = readable(a.repository.threads.Read(ctx, thread, window)); err != nil {
				return nil, nil, err
			}
		}
		removed, err := a.removed(ctx, gone, window)
		if err != nil {
			return nil, nil, err
		}
		above = ancestors(comment.Path, rows, limits.ancestors, removed)
	}
	if limits.descendants > 0 {
		window := Window{Limit: maxRows, Min: "0"}
		if comment != nil {
			window.Min = lowerBound(id)
		}
		rows, err := readable(a.repository.threads.Read(ctx, thread, window))
		if err != nil {
			return nil, nil, err
		}
		removed, err := a.removed(ctx, gone, window)
		if err != nil {
			return nil, nil, err
		}
		below = descendants(id, rows, limits, removed)
	}
	return above, below, nil
}

func (a *App) removed(ctx context.Context, head *Head, window Window) (map[string]bool, error) {
	rows, err := readable(a.repository.removed.Read(ctx, head, window))
	return idsOf(rows), err
}

// readable is what a reader gets while a list changes: rows of segments that were just replaced are
// missing.
func readable(rows []Row, err error) ([]Row, error) {
	if errors.Is(err, errReplaced) {
		return rows, nil
	}
	return rows, err
}

// lowerBound is an id below all replies to a post, also of a replica whose clock is behind.
func lowerBound(id string) string {
	number, _ := strconv.ParseInt(id, 10, 64)
	milliseconds := number>>snowflakeShift - clockSkew.Milliseconds()
	return strconv.FormatInt(milliseconds<<snowflakeShift, 10)
}

func isID(id string) bool {
	_, isValid := normalizedID(id)
	return isValid
}

// normalizedID pads an id to the 18 digits in which ids sort as texts.
func normalizedID(id string) (string, bool) {
	if id == "" || len(id) > 20 {
		return "", false
	}
	for _, digit := range id {
		if digit < '0' || digit > '9' {
			return "", false
		}
	}
	digits := strings.TrimLeft(id, "0")
	if len(digits) > 18 {
		return "", false
	}
	return strings.Repeat("0", 18-len(digits)) + digits, true
}

// reader is the holder of the request's token, if it has one; a wrong one is refused.
func (a *App) reader(r *http.Request) (*Caller, error) {
	kind, token, _ := strings.Cut(r.Header.Get("authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(kind, "bearer") || token == "" {
		return nil, nil
	}
	caller, err := a.verifier.Verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if !caller.May("read:statuses") {
		return nil, forbidden("The access token does not cover the scope read:statuses.")
	}
	return caller, nil
}

// ── several requests in one ─────────────────────────────────────────────────────────────────

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

type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(b []byte) (int, error) { return r.body.Write(b) }

func (a *App) bundle(w http.ResponseWriter, r *http.Request, mux http.Handler) error {
	var request struct {
		Questions *[]bundled `json:"questions"`
	}
	if err := readJSON(r, &request); err != nil {
		return err
	}
	if request.Questions == nil || len(*request.Questions) > maxRequests {
		return invalid("questions must be a list of at most 100 requests.")
	}
	for _, each := range *request.Questions {
		if !each.isValid() {
			return invalid("A request of a batch is too large, or has a token and is anonymous.")
		}
	}
	answers := make([]json.RawMessage, len(*request.Questions))
	var waiting sync.WaitGroup
	for i, each := range *request.Questions {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			answers[i] = a.answer(r, each, mux)
		}()
	}
	waiting.Wait()
	writeJSON(w, 200, answers)
	return nil
}

func (a *App) answer(r *http.Request, asked bundled, mux http.Handler) json.RawMessage {
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
		mux.ServeHTTP(answer, inner)
	}()
	body := json.RawMessage("null")
	if json.Valid(answer.body.Bytes()) && answer.body.Len() > 0 {
		body = answer.body.Bytes()
	}
	made, _ := json.Marshal(map[string]any{"status": answer.status, "body": body})
	return made
}

func readJSON(r *http.Request, into any) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return &Failure{413, "too_large", "The request is too large."}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return invalid("The body is not the JSON that this route takes.")
	}
	return nil
}

// ── events ──────────────────────────────────────────────────────────────────────────────────

func (a *App) subscriptions(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, 200, []map[string]string{
		{"pubsubname": "pubsub", "topic": topicPosts, "route": "/events/posts",
			"deadLetterTopic": service + "-dead"},
		{"pubsubname": "pubsub", "topic": service + "-dead", "route": "/events-dead"},
	})
	return nil
}

func (a *App) receive(w http.ResponseWriter, r *http.Request) error {
	status := "SUCCESS"
	body, err := io.ReadAll(r.Body)
	var events []json.RawMessage
	if err == nil {
		events, err = parseMessage(body)
	}
	if err == nil {
		err = a.inbox.Receive(r.Context(), events)
	}
	var bad poison
	switch {
	case errors.As(err, &bad):
		slog.Error("poison message", "why", bad.why)
		status = "DROP"
	case err != nil:
		status = "RETRY"
	}
	writeJSON(w, 200, map[string]string{"status": status})
	return nil
}

func (a *App) receiveDead(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = a.inbox.ReceiveDead(r.Context(), body)
	}
	if err != nil {
		return err
	}
	writeJSON(w, 200, map[string]string{"status": "SUCCESS"})
	return nil
}

func (a *App) outbox(r *http.Request, topic string) (*Outbox, error) {
	names, isKnown := subscribers[topic]
	if !isKnown {
		return nil, notFound("This service does not produce the topic \"" + topic + "\".")
	}
	if !slices.Contains(names, r.Header.Get("dapr-caller-app-id")) {
		return nil, forbidden("The caller does not subscribe to the topic \"" + topic + "\".")
	}
	if topic == a.repository.replyCounts.topic {
		return a.repository.replyCounts, nil
	}
	return a.repository.commentChanges, nil
}

func (a *App) heads(w http.ResponseWriter, r *http.Request) error {
	found := map[string]map[string]int{}
	for _, topic := range strings.Split(r.URL.Query().Get("topics"), ",") {
		outbox, err := a.outbox(r, topic)
		if err != nil {
			return err
		}
		if found[topic], err = outbox.journal.Heads(r.Context()); err != nil {
			return err
		}
	}
	writeJSON(w, 200, found)
	return nil
}

func (a *App) changes(w http.ResponseWriter, r *http.Request) error {
	outbox, err := a.outbox(r, r.PathValue("topic"))
	if err != nil {
		return err
	}
	after, err := strconv.Atoi(r.URL.Query().Get("after"))
	limit := journalSegment
	if given := r.URL.Query().Get("limit"); given != "" && err == nil {
		limit, err = strconv.Atoi(given)
	}
	if err != nil || after < 0 || limit < 1 || limit > journalSegment {
		return invalid("after must be a number, and limit one from 1 to 64.")
	}
	events, upto, err := outbox.journal.Changes(r.Context(), r.PathValue("stream"), after, limit)
	if err != nil {
		return err
	}
	writeJSON(w, 200, map[string]any{"events": events, "settled": upto})
	return nil
}

// ── for the operator ────────────────────────────────────────────────────────────────────────

func (a *App) operator(handle route) route {
	return func(w http.ResponseWriter, r *http.Request) error {
		given := r.Header.Values(operatorHeader)
		if len(given) != 1 || given[0] == "" || len(given[0]) > 200 {
			return forbidden("This route is for the operator: use ./tye-like-run.sh.")
		}
		expected, err := a.sidecar.Secret(r.Context(), operatorSecret)
		if err != nil {
			return err
		}
		digest := sha256.Sum256([]byte(given[0]))
		hexed := []byte(hex.EncodeToString(digest[:]))
		if expected == "" || subtle.ConstantTimeCompare(hexed, []byte(expected)) != 1 {
			return forbidden("This route is for the operator: use ./tye-like-run.sh.")
		}
		return handle(w, r)
	}
}

func (a *App) deadLetters(w http.ResponseWriter, r *http.Request) error {
	letters, err := a.inbox.letters.All(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, 200, letters)
	return nil
}

func (a *App) replay(w http.ResponseWriter, r *http.Request) error {
	replayed, failed, err := a.inbox.letters.Replay(r.Context(), a.inbox.receiveOne)
	if err != nil {
		return err
	}
	writeJSON(w, 200, map[string]any{"replayed": replayed, "failed": failed})
	return nil
}
