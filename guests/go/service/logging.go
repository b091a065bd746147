package service

import (
	"context"
	"io"
	"log/slog"

	"microgram/guests/go/trace"
)

// newLogger returns a logger that writes one JSON object a line, with the trace of its context.
func newLogger(service string, to io.Writer) *slog.Logger {
	return slog.New(traced{slog.NewJSONHandler(to, nil)}).With("service", service)
}

// traced adds to each line the request that it is about.
type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, record slog.Record) error {
	if own := trace.From(ctx); own != nil {
		record.AddAttrs(slog.String("trace_id", own.ID()), slog.String("request_id", own.RequestID))
	}
	return t.Handler.Handle(ctx, record)
}

func (t traced) WithAttrs(attributes []slog.Attr) slog.Handler {
	return traced{t.Handler.WithAttrs(attributes)}
}

func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }
