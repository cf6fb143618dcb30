// Package fault gives errors the code they leave the house with. An error gets its code where it
// is understood, is wrapped on its way up, and becomes a message, a problem document or an exit
// once, at the edge. What has no code is internal: it is logged and never shown.
package fault

import (
	"errors"
	"fmt"

	"github.com/claudeops/claudeops/protocol"
)

// Error is an error with a code and a message meant for the caller: what was wrong, where, and
// what to do.
type Error struct {
	code    protocol.Code
	message string
	cause   error
	details any
}

// New makes an error that the caller may see.
func New(code protocol.Code, format string, args ...any) *Error {
	return &Error{code: code, message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a code and a message for the caller. err itself is for the log.
func Wrap(code protocol.Code, err error, format string, args ...any) *Error {
	return &Error{code: code, message: fmt.Sprintf(format, args...), cause: err}
}

// With attaches details that clients can read by machine.
func (e *Error) With(details any) *Error {
	e.details = details
	return e
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.message + ": " + e.cause.Error()
	}
	return e.message
}

func (e *Error) Unwrap() error { return e.cause }

// Code is what the error is answered with.
func (e *Error) Code() protocol.Code { return e.code }

// CodeOf is the code of the outermost Error in err's chain, or Internal.
func CodeOf(err error) protocol.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.code
	}
	return protocol.Internal
}

// Message is what the caller may read of err.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.message
	}
	return "something went wrong inside the server; its log says what"
}

// Details are what With attached, or nil.
func Details(err error) any {
	var e *Error
	if errors.As(err, &e) {
		return e.details
	}
	return nil
}

// Retry as details tells when to try again, with the codes that are retryable.
type Retry struct {
	AfterMs int64 `json:"retryAfterMs"`
}
