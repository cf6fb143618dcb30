package execution

import (
	"encoding/json"
	"time"
)

// The types of execution events, in the journal and on the wire alike.
const (
	TypeQueued    = "execution:queued"
	TypeStarted   = "execution:started"
	TypeLog       = "execution:log"
	TypeProgress  = "execution:progress"
	TypeCost      = "execution:cost"
	TypeApproval  = "execution:approval"
	TypeApproved  = "execution:approved"
	TypeDenied    = "execution:denied"
	TypeTruncated = "execution:truncated"
	TypeCompleted = "execution:completed"
	TypeFailed    = "execution:failed"
	TypeCancelled = "execution:cancelled"
)

// Level is how much a log event matters.
type Level string

const (
	Debug Level = "debug"
	Info  Level = "info"
	Warn  Level = "warn"
	Error Level = "error"
)

// Stream is where a log event came from. Agent is what the runner or a driver says of the agent.
type Stream string

const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
	Agent  Stream = "agent"
)

// TimeFormat is how every timestamp is written: RFC 3339, UTC, milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Event is one journaled message: a union of the fields of all event types, of which each type
// uses its own (package protocol has the table). Its JSON is both the journal's and the wire's.
// Log events are encoded by the runner's own encoder, which gives the same bytes as far as JSON
// goes.
type Event struct {
	Type        string `json:"type"`
	ExecutionID string `json:"executionId"`
	Seq         uint64 `json:"seq"`
	Timestamp   Time   `json:"timestamp"`

	// queued, started
	AgentType string          `json:"agentType,omitempty"`
	Config    json.RawMessage `json:"config,omitempty"`
	Trigger   *Trigger        `json:"trigger,omitempty"`
	Command   []string        `json:"command,omitempty"`
	Workdir   string          `json:"workdir,omitempty"`
	PID       int             `json:"pid,omitempty"`
	Host      string          `json:"host,omitempty"`

	// log. Message is also progress's.
	Level   Level           `json:"level,omitempty"`
	Stream  Stream          `json:"stream,omitempty"`
	Message *string         `json:"message,omitempty"`
	Partial bool            `json:"partial,omitempty"`
	Raw     []byte          `json:"raw,omitempty"` // base64 in JSON; only when the bytes were not UTF-8
	Data    json.RawMessage `json:"data,omitempty"`

	Progress *float64 `json:"progress,omitempty"` // 0–100

	// cost
	USD       *float64 `json:"usd,omitempty"`
	Tokens    *Tokens  `json:"tokens,omitempty"`
	Model     string   `json:"model,omitempty"`
	Estimated *bool    `json:"estimated,omitempty"`

	// approval, approved, denied. By is also cancelled's.
	RequestID string          `json:"requestId,omitempty"`
	Tool      string          `json:"tool,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ExpiresAt *Time           `json:"expiresAt,omitempty"`
	By        string          `json:"by,omitempty"`

	// truncated
	DroppedLines *int64 `json:"droppedLines,omitempty"`
	DroppedBytes *int64 `json:"droppedBytes,omitempty"`
	Limit        *int64 `json:"limit,omitempty"` // bytes

	// completed, failed, cancelled
	Result          json.RawMessage `json:"result,omitempty"`
	Error           string          `json:"error,omitempty"`
	Reason          string          `json:"reason,omitempty"`
	ExitCode        *int            `json:"exitCode,omitempty"`
	Signal          string          `json:"signal,omitempty"`
	Cost            *float64        `json:"cost,omitempty"` // USD
	DurationMs      *int64          `json:"durationMs,omitempty"`
	ProcessesReaped *int            `json:"processesReaped,omitempty"`
}

// Terminal reports whether the event is one of the three that end an execution.
func (e *Event) Terminal() bool { return IsTerminalType(e.Type) }

// IsTerminalType reports whether an event of that type ends its execution.
func IsTerminalType(eventType string) bool {
	return eventType == TypeCompleted || eventType == TypeFailed || eventType == TypeCancelled
}

// Time is an instant written as TimeFormat.
type Time struct{ time.Time }

// At gives t in the precision and zone that events carry.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON writes TimeFormat.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(TimeFormat)+2), `"`+TimeFormat+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	return t.Time.UnmarshalJSON(b)
}
