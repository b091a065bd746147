// Package service is the HTTP side of a service: routes and who may call them, health, batches, and
// what docs/protocol.md asks of whoever handles or publishes events.
package service

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"microgram/guests/go/failure"
	"microgram/guests/go/inbox"
	"microgram/guests/go/journal"
	"microgram/guests/go/sidecar"
	"microgram/guests/go/tokens"
	"microgram/guests/go/trace"
)

const (
	maxBody    = 24 << 20 // what the sidecar passes on
	ownSidecar = ""
)

// openPaths come without a sidecar; /metrics needs a token of its own.
var openPaths = []string{"/healthz", "/readyz", "/metrics"}

// Handler answers a request, or returns why it cannot.
type Handler func(w http.ResponseWriter, r *http.Request) error

// App is a service beside its sidecar. Add routes and events before it runs.
type App struct {
	Name    string
	Sidecar *sidecar.Client

	token     []byte
	verifier  *tokens.Verifier
	inbox     *inbox.Inbox
	outboxes  []published
	mux       *http.ServeMux
	metrics   metrics
	scraper   tokenHash
	operators tokenHash
}

// New returns a service that admits whoever has the token of its sidecar.
func New(name string, client *sidecar.Client, token string) *App {
	app := &App{
		Name: name, Sidecar: client, token: []byte(token),
		verifier: tokens.NewVerifier(client), inbox: inbox.New(client), mux: http.NewServeMux(),
		metrics:   metrics{measured: map[series]*histogram{}},
		scraper:   tokenHash{read: client.Secret, name: metricsSecret, maxAge: metricsMaxAge},
		operators: tokenHash{read: client.Secret, name: operatorSecret},
	}
	app.mux.HandleFunc("GET /healthz", app.healthy)
	app.mux.HandleFunc("GET /readyz", app.ready)
	app.mux.HandleFunc("GET /metrics", app.scrape)
	app.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, failure.NotFound("There is no such route."))
	})
	app.handleOwn("GET /dapr/subscribe", app.subscriptions)
	app.handleOwn("GET /deadletters", app.operator(app.deadLetters))
	app.handleOwn("POST /deadletters/replay", app.operator(app.replay))
	return app
}

// Handle adds a route, such as "GET /threads/{id}", for the services that may call it.
func (a *App) Handle(pattern string, callers []string, handle Handler) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if caller, isOne := callerOf(r); !isOne || !slices.Contains(callers, caller) {
			slog.WarnContext(r.Context(), "service_call_refused", "caller", caller, "route", pattern)
			writeError(w, failure.Forbidden("The access file does not name the caller for this route."))
			return
		}
		if err := handle(w, r); err != nil {
			if !failure.IsForCaller(err) {
				slog.ErrorContext(r.Context(), "a request failed", "route", pattern, "why", err.Error())
			}
			writeError(w, err)
		}
	})
}

func (a *App) handleOwn(pattern string, handle Handler) {
	a.Handle(pattern, []string{ownSidecar}, handle)
}

// Subscribe has the events of a topic handled, by their type.
func (a *App) Subscribe(topic, producer string, handlers map[string]inbox.Handler) {
	if len(a.inbox.Topics()) == 0 {
		a.handleOwn("POST /events-dead", a.receiveDead)
	}
	a.inbox.Subscribe(topic, producer, handlers)
	a.handleOwn("POST /events/"+topic, a.receive(topic))
}

// Publish answers /changes for the services that subscribe to the topic of an outbox.
func (a *App) Publish(outbox *journal.Outbox, subscribers ...string) {
	a.outboxes = append(a.outboxes, published{outbox, subscribers})
}

// AcceptBatches answers several requests in one, for the services that may send them.
func (a *App) AcceptBatches(callers ...string) { a.Handle("POST /bundles", callers, a.bundle) }

// Handler admits the sidecar by its token, and to each route the callers that may call it.
func (a *App) Handler() http.Handler {
	a.handleChanges()
	return bounded(a.metrics.measure(a.admit(a.mux)))
}

// bounded bounds the bodies of requests. It is the outermost: after one that is too large, only the
// server's own writer closes the connection.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// callerOf returns the service that calls, and whether the request names one at most.
func callerOf(r *http.Request) (caller string, isOne bool) {
	names := r.Header.Values("dapr-caller-app-id")
	if len(names) == 0 {
		return ownSidecar, true
	}
	return names[0], len(names) == 1 && names[0] != ""
}

func (a *App) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, own := trace.Start(r.Context(), r.Header)
		w.Header().Set("x-request-id", own.RequestID)
		isOpen := slices.Contains(openPaths, r.URL.Path)
		given := []byte(r.Header.Get("dapr-api-token"))
		if !isOpen && subtle.ConstantTimeCompare(given, a.token) != 1 {
			writeError(w, failure.Unauthenticated("This route is for the sidecar. Call it through Dapr."))
			return
		}
		defer recovered(ctx, w)
		inner := r.WithContext(ctx)
		defer func() { r.Pattern = inner.Pattern }() // for what measures the request
		next.ServeHTTP(w, inner)
	})
}

func recovered(ctx context.Context, w http.ResponseWriter) {
	if fault := recover(); fault != nil {
		slog.ErrorContext(ctx, "a request failed", "why", fault)
		writeError(w, failure.Internal())
	}
}

func (a *App) healthy(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, 200, map[string]string{"status": "ok", "service": a.Name})
}

func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	status, text := 200, "ok"
	if !a.Sidecar.IsReady(r.Context()) {
		status, text = 503, "no sidecar"
	}
	WriteJSON(w, status, map[string]string{"status": text, "service": a.Name})
}

// OptionalCaller returns the holder of the request's token, which must cover the scope; nil if the
// request has no token.
func (a *App) OptionalCaller(r *http.Request, scope string) (*tokens.Caller, error) {
	kind, token, _ := strings.Cut(r.Header.Get("authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(kind, "bearer") || token == "" {
		return nil, nil
	}
	caller, err := a.verifier.Verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if !caller.May(scope) {
		return nil, failure.Forbidden("The access token does not cover the scope " + scope + ".")
	}
	return caller, nil
}

// User returns the user whose token the request has, which must cover the scope.
func (a *App) User(r *http.Request, scope string) (*tokens.Caller, error) {
	caller, err := a.OptionalCaller(r, scope)
	if err != nil {
		return nil, err
	}
	if caller == nil || caller.UserID == "" {
		return nil, failure.Unauthenticated("This route needs the access token of a user.")
	}
	return caller, nil
}
