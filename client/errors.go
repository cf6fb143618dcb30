package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

var (
	// ErrClosed ends everything that uses a client when it is closed.
	ErrClosed = errors.New("client is closed")
	// ErrCredential tells that the server no longer takes the credential and there is no other.
	ErrCredential = errors.New("the server refuses the credential, and there is no other")
)

// Error is the server's refusal of a request. Branch on Code.
type Error struct {
	Code       protocol.Code
	Message    string        // for a person
	Retryable  bool          // the same request may succeed later
	RetryAfter time.Duration // rate_limited: wait so long
	Details    json.RawMessage
}

func (e *Error) Error() string { return e.Message }

// GapError takes the place of events that the server cannot give any more. The subscription that
// yields it goes on after To.
type GapError struct {
	ExecutionID string
	From, To    uint64 // inclusive
	Reason      string // "damaged", "retention", or "missing": the server left them out without a word
}

func (e *GapError) Error() string {
	return fmt.Sprintf("events %d to %d of %s are not there any more (%s)", e.From, e.To, e.ExecutionID, e.Reason)
}

// CloseError tells how a connection ended.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("connection closed with %d", e.Code)
	}
	return fmt.Sprintf("connection closed with %d: %s", e.Code, e.Reason)
}

// CodeOf is the code of a server's refusal in err's chain, or "".
func CodeOf(err error) protocol.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func refusal(m *protocol.Error) *Error {
	return &Error{Code: m.Code, Message: m.Message, Retryable: m.Retryable,
		RetryAfter: time.Duration(m.RetryAfterMs) * time.Millisecond, Details: m.Details}
}

// problem reads an answer that is not a success: an RFC 9457 document, or whatever something in
// between made of it.
func problem(r *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var doc struct {
		Title        string          `json:"title"`
		Detail       string          `json:"detail"`
		Message      string          `json:"message"`
		Code         protocol.Code   `json:"code"`
		RetryAfterMs int64           `json:"retryAfterMs"`
		Errors       json.RawMessage `json:"errors"`
		Details      json.RawMessage `json:"details"`
	}
	e := &Error{}
	if json.Unmarshal(body, &doc) == nil {
		e.Code, e.Details = doc.Code, doc.Details
		if e.Details == nil {
			e.Details = doc.Errors
		}
		for _, text := range []string{doc.Detail, doc.Message, doc.Title} {
			if e.Message == "" {
				e.Message = text
			}
		}
		e.RetryAfter = time.Duration(doc.RetryAfterMs) * time.Millisecond
	}
	if e.Code == "" {
		e.Code = codeOfStatus(r.StatusCode)
	}
	if e.Message == "" {
		e.Message = "the server answered " + r.Status
	}
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && e.RetryAfter == 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	e.Retryable = e.Code.Retryable()
	return e
}

func codeOfStatus(status int) protocol.Code {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return protocol.BadRequest
	case http.StatusUnauthorized:
		return protocol.Unauthenticated
	case http.StatusPaymentRequired:
		return protocol.BudgetExceeded
	case http.StatusForbidden:
		return protocol.Forbidden
	case http.StatusNotFound:
		return protocol.NotFound
	case http.StatusConflict:
		return protocol.Conflict
	case http.StatusRequestEntityTooLarge:
		return protocol.TooLarge
	case http.StatusTooManyRequests:
		return protocol.RateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return protocol.Unavailable
	default:
		return protocol.Internal
	}
}

// retryAfter reads how long a server that closed for too many messages wants to be left alone.
func retryAfter(reason string, otherwise time.Duration) time.Duration {
	_, text, ok := strings.Cut(reason, "retryAfterMs=")
	if !ok {
		return otherwise
	}
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	ms, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil || ms < 0 || ms > time.Hour.Milliseconds() {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}
