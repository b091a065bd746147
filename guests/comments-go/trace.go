package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"regexp"
)

// Trace is the context of a request: it goes into every call that the request causes.
type Trace struct{ parent, state, requestID string }

type traceKey struct{}

var (
	validParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	validID     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

func startTrace(ctx context.Context, headers http.Header) (context.Context, *Trace) {
	trace := &Trace{headers.Get("traceparent"), headers.Get("tracestate"), headers.Get("x-request-id")}
	if !validParent.MatchString(trace.parent) {
		trace.parent = "00-" + randomHex(16) + "-" + randomHex(8) + "-00"
	}
	if !validID.MatchString(trace.requestID) {
		trace.requestID = trace.parent[3:19]
	}
	return context.WithValue(ctx, traceKey{}, trace), trace
}

func traceOf(ctx context.Context) *Trace {
	trace, _ := ctx.Value(traceKey{}).(*Trace)
	return trace
}

func (t *Trace) forward(headers http.Header) {
	if t == nil {
		return
	}
	headers.Set("traceparent", t.parent)
	headers.Set("x-request-id", t.requestID)
	if t.state != "" {
		headers.Set("tracestate", t.state)
	}
}

func randomHex(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}
