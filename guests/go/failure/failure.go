// Package failure has the errors that a service answers its callers with.
package failure

import (
	"errors"
	"net/http"
)

// Error is an error for the caller: a status, a word for programs and a sentence for people.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }

// Invalid says that the request is not as the route takes it.
func Invalid(message string) *Error { return &Error{422, "invalid", message} }

// Unauthenticated says that there is no valid token.
func Unauthenticated(message string) *Error { return &Error{401, "unauthenticated", message} }

// Forbidden says that the caller may not do this.
func Forbidden(message string) *Error { return &Error{403, "forbidden", message} }

// NotFound says that there is no such thing.
func NotFound(message string) *Error { return &Error{404, "not_found", message} }

// Conflict says that the request does not fit what is there.
func Conflict(message string) *Error { return &Error{409, "conflict", message} }

// TooLarge says that the body is too long.
func TooLarge(message string) *Error { return &Error{413, "too_large", message} }

// Unavailable says that nothing happened: the caller may repeat.
func Unavailable(message string) *Error { return &Error{503, "unavailable", message} }

// OutcomeUnknown says that it may have happened.
func OutcomeUnknown(message string) *Error { return &Error{504, "outcome_unknown", message} }

// Internal is the answer to a fault of the service, of which callers learn no more.
func Internal() *Error { return &Error{500, "internal", "The service failed."} }

// Of returns the error for the caller; it is Internal for one that is not made for callers.
func Of(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return Internal()
}

// IsForCaller tells whether an error is one of this package.
func IsForCaller(err error) bool {
	var known *Error
	return errors.As(err, &known)
}

// IsUnknown tells whether what failed may have happened.
func IsUnknown(err error) bool { return hasStatus(err, http.StatusGatewayTimeout) }

// IsTemporary tells whether a repetition may help.
func IsTemporary(err error) bool {
	return hasStatus(err, http.StatusServiceUnavailable) || IsUnknown(err)
}

func hasStatus(err error, status int) bool {
	var known *Error
	return errors.As(err, &known) && known.Status == status
}
