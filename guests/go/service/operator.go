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
	maxToken       = 200 // bytes that are worth hashing
)

// operator lets in whoever has the operator's token.
func (a *App) operator(handle Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		given := ""
		if all := r.Header.Values(operatorHeader); len(all) == 1 {
			given = all[0]
		}
		isProof, err := a.proves(r, given, operatorSecret)
		if err == nil && !isProof {
			err = failure.Forbidden("This route is for the operator: use ./tye-like-run.sh.")
		}
		if err != nil {
			return err
		}
		return handle(w, r)
	}
}

// proves tells whether a secret is the SHA-256 of a token, which is asked for a token at all.
func (a *App) proves(r *http.Request, token, secret string) (bool, error) {
	if token == "" || len(token) > maxToken {
		return false, nil
	}
	expected, err := a.Sidecar.Secret(r.Context(), secret)
	digest := sha256.Sum256([]byte(token))
	hexed := []byte(hex.EncodeToString(digest[:]))
	return expected != "" && subtle.ConstantTimeCompare(hexed, []byte(expected)) == 1, err
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
