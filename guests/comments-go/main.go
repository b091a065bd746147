// Comments is the service `comments` in Go: the threads below posts. It keeps docs/protocol.md
// with the standard library alone, and takes the place of services/comments on the same data.
package main

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
)

const (
	service         = "comments"
	shutdownTimeout = 12 * time.Second
	maxHeaderBytes  = 64 << 10
	readTimeout     = 30 * time.Second
)

// serve gets all requests; crash tests wrap it (faults.go).
var serve = func(handler http.Handler) http.Handler { return handler }

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("service", service))
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, service+":", err)
		os.Exit(1)
	}
}

func run() error {
	sidecarToken, appToken := os.Getenv("DAPR_API_TOKEN"), os.Getenv("APP_API_TOKEN")
	if sidecarToken == "" || appToken == "" {
		return errors.New("DAPR_API_TOKEN and APP_API_TOKEN must be set, or every process of this " +
			"machine may call the service. ./tye-like-run.sh sets them")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	sidecar := NewSidecar(os.Getenv("DAPR_HTTP_PORT"), sidecarToken)
	verifier := NewVerifier(sidecar)
	repository := NewRepository(sidecar)
	inbox := NewInbox(sidecar, NewProjector(repository).Handle)
	app := NewApp(sidecar, appToken, verifier, repository, inbox)

	background, end := context.WithCancel(context.Background())
	defer end()
	go verifier.Watch(background)
	go inbox.Watch(background)

	server := &http.Server{
		Addr:              "127.0.0.1:" + os.Getenv("APP_PORT"),
		Handler:           serve(app.Handler()),
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
	repository.Close(closing)
	return err
}
