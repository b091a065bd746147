package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"microgram/guests/go/sidecar"
)

const (
	stopTimeout     = 11 * time.Second // of the 12 s that docs/protocol.md gives
	requestsTimeout = 8 * time.Second  // of these; the rest is for what they have to tell
	maxHeaderBytes  = 64 << 10
	readTimeout     = 30 * time.Second
)

// serve gets all requests; crash tests wrap it (faults.go).
var serve = func(handler http.Handler) http.Handler { return handler }

// Main runs a service until SIGTERM, beside the sidecar that the environment names. build adds its
// routes and events. A service that cannot run says why, and ends the process.
func Main(name string, build func(app *App)) {
	slog.SetDefault(newLogger(name, os.Stdout))
	if err := run(name, build); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

func run(name string, build func(app *App)) error {
	sidecarToken, appToken := os.Getenv("DAPR_API_TOKEN"), os.Getenv("APP_API_TOKEN")
	if sidecarToken == "" || appToken == "" {
		return errors.New("DAPR_API_TOKEN and APP_API_TOKEN must be set, or every process of this " +
			"machine may call the service. ./tye-like-run.sh sets them")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	app := New(name, sidecar.New(os.Getenv("DAPR_HTTP_PORT"), sidecarToken), appToken)
	build(app)

	go app.verifier.Watch(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		app.inbox.Watch(ctx)
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("APP_PORT"))
	if err != nil {
		return err
	}
	return app.listen(ctx, listener, watched)
}

// listen answers requests until the context ends, and then finishes what it has begun; watched is
// closed when nothing else brings events any more.
func (a *App) listen(ctx context.Context, listener net.Listener, watched <-chan struct{}) error {
	server := &http.Server{
		Handler:           serve(a.Handler()),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := shutdown(closing, server)
	select {
	case <-watched:
	case <-closing.Done():
	}
	for _, each := range a.outboxes {
		each.Close(closing)
	}
	return err
}

func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, requestsTimeout)
	defer cancel()
	return server.Shutdown(ctx)
}
