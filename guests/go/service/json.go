package service

import (
	"encoding/json"
	"io"
	"net/http"

	"microgram/guests/go/failure"
)

// WriteJSON answers with a body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = 500, []byte(`{"code":"internal","message":"The service failed."}`)
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

func writeError(w http.ResponseWriter, err error) {
	known := failure.Of(err)
	WriteJSON(w, known.Status, known)
}

// ReadJSON reads the body of a request. Fields that are not known are newer, and ignored.
func ReadJSON(r *http.Request, into any) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return failure.TooLarge("The request is too large.")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return failure.Invalid("The body is not the JSON that this route takes.")
	}
	return nil
}
