package service

import (
	"context"
	"net/http"

	"microgram/guests/go/failure"
	"microgram/guests/go/ids"
)

// MaxRecords is the most records in a page of an export.
const MaxRecords = 40

// ExportPage is some of what belongs to a user, newest first. Next is empty at the end.
type ExportPage struct {
	Records []any  `json:"records"`
	Next    string `json:"next"`
	Total   int    `json:"total"`
}

// Exporter returns the page of a user's data after a record; the first page for an empty id.
type Exporter func(ctx context.Context, user, after string) (ExportPage, error)

// Export gives media what belongs to a user, by its kind, for the archive of the user.
func (a *App) Export(kinds map[string]Exporter) {
	a.Handle("GET /belongings/{user}/{kind}", []string{"media"}, func(
		w http.ResponseWriter, r *http.Request,
	) error {
		user, isUser := ids.Normalize(r.PathValue("user"))
		after, isID := r.URL.Query().Get("after"), true
		if after != "" {
			after, isID = ids.Normalize(after)
		}
		if !isUser || !isID {
			return failure.Invalid("user and after must be ids.")
		}
		export, isKnown := kinds[r.PathValue("kind")]
		if !isKnown {
			return failure.NotFound("This service exports no data of this kind.")
		}
		page, err := export(r.Context(), user, after)
		if err != nil {
			return err
		}
		WriteJSON(w, 200, page)
		return nil
	})
}
