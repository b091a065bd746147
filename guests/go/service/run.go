package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"microgram/guests/go/sidecar"
)

const (
	shutdownTimeout = 12 * time.Second
	maxHeaderBytes  = 64 << 10
	readTimeout     = 30 * time.Second
)

// serve gets all requests; crash tests wrap it (faults.go).
var serve = func(handler http.Handler) http.Handler { return handler }

// Main runs a service until SIGTERM, beside the sidecar that the environment names. build adds its
// routes and events. A service that cannot run says why, and ends the process.
func Main(name string, build func(app *App)) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("service", name))
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

	background, end := context.WithCancel(context.Background())
	defer end()
	go app.verifier.Watch(background)
	go app.inbox.Watch(background)
	return app.listen(ctx)
}

// listen answers requests until the context ends, and then finishes what it has begun.
func (a *App) listen(ctx context.Context) error {
	server := &http.Server{
		Addr:              "127.0.0.1:" + os.Getenv("APP_PORT"),
		Handler:           serve(a.Handler()),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(closing)
	for _, each := range a.outboxes {
		each.Close(closing)
	}
	return err
}
