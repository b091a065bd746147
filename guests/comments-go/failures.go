package main

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Failure is an error for the caller: a status, a word for programs and a sentence for people.
type Failure struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Message }

func invalid(message string) *Failure { return &Failure{422, "invalid", message} }
func unauthenticated(message string) *Failure {
	return &Failure{401, "unauthenticated", message}
}
func forbidden(message string) *Failure { return &Failure{403, "forbidden", message} }
func notFound(message string) *Failure  { return &Failure{404, "not_found", message} }

// unavailable says that nothing happened.
func unavailable(message string) *Failure { return &Failure{503, "unavailable", message} }

// outcomeUnknown says that it may have happened.
func outcomeUnknown(message string) *Failure { return &Failure{504, "outcome_unknown", message} }

// errConflict says that a key is not as the writer has read it.
var errConflict = errors.New("the key has changed since it was read")

// poison is an event that no retry can help.
type poison struct{ why string }

func (p poison) Error() string { return p.why }

func isUnknown(err error) bool {
	var failure *Failure
	return errors.As(err, &failure) && failure.Status == http.StatusGatewayTimeout
}

func writeFailure(w http.ResponseWriter, err error) {
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = &Failure{500, "internal", "The service failed."}
	}
	writeJSON(w, failure.Status, failure)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = 500, []byte(`{"code":"internal","message":"The service failed."}`)
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
