// Package trace carries the context of a request into every call that the request causes.
package trace

import (
	"context"
	"net/http"
	"regexp"

	"microgram/guests/go/ids"
)

// Trace is the context of a request.
type Trace struct{ Parent, State, RequestID string }

type key struct{}

var (
	validParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	validID     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// Start takes the trace of a request from its headers, or makes a new one.
func Start(ctx context.Context, headers http.Header) (context.Context, *Trace) {
	trace := &Trace{headers.Get("traceparent"), headers.Get("tracestate"), headers.Get("x-request-id")}
	if !validParent.MatchString(trace.Parent) {
		trace.Parent = "00-" + ids.Random(16) + "-" + ids.Random(8) + "-00"
	}
	if !validID.MatchString(trace.RequestID) {
		trace.RequestID = requestID(trace.Parent)
	}
	return context.WithValue(ctx, key{}, trace), trace
}

// Continue goes on with the trace of an event; without a valid one, with that of the context.
func Continue(ctx context.Context, parent string) context.Context {
	if !validParent.MatchString(parent) {
		return ctx
	}
	return context.WithValue(ctx, key{}, &Trace{Parent: parent, RequestID: requestID(parent)})
}

// ID returns the id of the trace, which all that a request causes has in common.
func (t *Trace) ID() string { return t.Parent[3:35] }

func requestID(parent string) string { return parent[3:19] }

// From returns the trace of a context; nil outside of a request.
func From(ctx context.Context) *Trace {
	trace, _ := ctx.Value(key{}).(*Trace)
	return trace
}

// Forward sets the headers of a call.
func (t *Trace) Forward(headers http.Header) {
	if t == nil {
		return
	}
	headers.Set("traceparent", t.Parent)
	headers.Set("x-request-id", t.RequestID)
	if t.State != "" {
		headers.Set("tracestate", t.State)
	}
}
