package service

import (
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
		given := ""
		if all := r.Header.Values(operatorHeader); len(all) == 1 {
			given = all[0]
		}
		isProof, err := a.operators.verify(r.Context(), given)
		if err == nil && !isProof {
			err = failure.Forbidden("This route is for the operator: use ./tye-like-run.sh.")
		}
		if err != nil {
			return err
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
