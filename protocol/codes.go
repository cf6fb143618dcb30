package protocol

// Code classifies an error. Clients branch on it, never on the message.
type Code string

const (
	BadRequest      Code = "bad_request"     // malformed, or a field is wrong
	UnknownType     Code = "unknown_type"    // no such message type
	Unauthenticated Code = "unauthenticated" // no credential, or not a valid one
	Forbidden       Code = "forbidden"       // the credential lacks the permission
	NotFound        Code = "not_found"       // no such agent or execution, or none the caller may see
	Conflict        Code = "conflict"        // e.g. an idempotency key used with another request
	RateLimited     Code = "rate_limited"    // wait retryAfterMs
	TooLarge        Code = "too_large"       // a message or a parameter is over its limit
	LimitReached    Code = "limit_reached"   // subscriptions, connections, queue
	BudgetExceeded  Code = "budget_exceeded" // no money left for it
	Unavailable     Code = "unavailable"     // shutting down, disk full: try again later
	Internal        Code = "internal"        // our fault; the log has the details
)

// Codes lists every error code.
var Codes = []Code{BadRequest, UnknownType, Unauthenticated, Forbidden, NotFound, Conflict, RateLimited, TooLarge, LimitReached, BudgetExceeded, Unavailable, Internal}

// Retryable reports whether the same request may succeed later, unchanged.
func (c Code) Retryable() bool {
	return c == RateLimited || c == Unavailable || c == LimitReached || c == Internal
}

// HTTPStatus is the status a REST answer with this code has.
func (c Code) HTTPStatus() int {
	switch c {
	case BadRequest, UnknownType:
		return 400
	case Unauthenticated:
		return 401
	case BudgetExceeded:
		return 402
	case Forbidden:
		return 403
	case NotFound:
		return 404
	case Conflict:
		return 409
	case TooLarge:
		return 413
	case RateLimited, LimitReached:
		return 429
	case Unavailable:
		return 503
	default:
		return 500
	}
}

// WebSocket close codes, and what a client does about each.
const (
	CloseNormal      = 1000 // reconnect with backoff
	CloseGoingAway   = 1001 // reconnect with backoff
	CloseProtocol    = 1002 // the client's fault: don't
	CloseBinary      = 1003 // don't
	CloseInvalidUTF8 = 1007 // don't
	ClosePolicy      = 1008 // authentication failed or a rule broken: don't
	CloseTooLarge    = 1009 // don't
	CloseServerError = 1011 // reconnect with backoff
	CloseRestart     = 1012 // reconnect with backoff
	CloseCredential  = 4401 // expired or revoked: reconnect with a new one
	CloseHeartbeat   = 4408 // no answer to heartbeats: reconnect
	CloseRateLimited = 4429 // reconnect after retryAfterMs, given in the close reason
)
