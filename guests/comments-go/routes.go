package main

import (
	"net/http"
	"strconv"

	"microgram/guests/comments-go/threads"
	"microgram/guests/go/failure"
	"microgram/guests/go/ids"
	"microgram/guests/go/service"
)

// routes are what other services may ask.
type routes struct {
	app   *service.App
	query *query
}

func (t *routes) thread(w http.ResponseWriter, r *http.Request) error {
	caller, err := t.app.OptionalCaller(r, "read:statuses")
	if err != nil {
		return err
	}
	limits := threads.Anonymous
	if caller != nil && caller.UserID != "" {
		limits = threads.SignedIn
	}
	id, isValid := ids.Normalize(r.PathValue("id"))
	if !isValid {
		return failure.NotFound("There is no such post.")
	}
	if given := r.URL.Query().Get("descendants"); given != "" {
		wanted, err := strconv.Atoi(given)
		if err != nil || wanted < 0 || wanted > threads.SignedIn.Descendants {
			return failure.Invalid("descendants must be a number from 0 to 1024.")
		}
		limits.Descendants = min(wanted, limits.Descendants)
	}
	above, below, err := t.query.around(r.Context(), id, limits)
	if err != nil {
		return err
	}
	service.WriteJSON(w, 200, map[string][]string{"ancestors": above, "descendants": below})
	return nil
}
