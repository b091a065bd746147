package service

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"

	"microgram/guests/go/failure"
)

const (
	operatorHeader = "microgram-operator-token"
	operatorSecret = "operator-token-sha256"
)

// operator lets in whoever has the operator's token.
func (a *App) operator(handle Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		given := r.Header.Values(operatorHeader)
		if len(given) != 1 || given[0] == "" || len(given[0]) > 200 {
			return failure.Forbidden("This route is for the operator: use ./tye-like-run.sh.")
		}
		expected, err := a.Sidecar.Secret(r.Context(), operatorSecret)
		if err != nil {
			return err
		}
		digest := sha256.Sum256([]byte(given[0]))
		hexed := []byte(hex.EncodeToString(digest[:]))
		if expected == "" || subtle.ConstantTimeCompare(hexed, []byte(expected)) != 1 {
			return failure.Forbidden("This route is for the operator: use ./tye-like-run.sh.")
		}
		return handle(w, r)
	}
}

func (a *App) deadLetters(w http.ResponseWriter, r *http.Request) error {
	letters, err := a.inbox.DeadLetters(r.Context())
	if err != nil {
		return err
	}
	WriteJSON(w, 200, letters)
	return nil
}

func (a *App) replay(w http.ResponseWriter, r *http.Request) error {
	replayed, failed, err := a.inbox.Replay(r.Context())
	if err != nil {
		return err
	}
	WriteJSON(w, 200, map[string]any{"replayed": replayed, "failed": failed})
	return nil
}
