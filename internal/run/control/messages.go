package control

import (
	"encoding/json"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/protocol"
)

// Notice is what a runner says on its control socket, one JSON object a line. Each side ignores
// what it doesn't know.
//
// The runner says Hello, then every event but log lines from the start on, each with the journal's
// position after it, then further events as they come. In between it says, to those who watch, that
// the journal has grown; and when the journal has no room, and when it has again.
type Notice struct {
	Hello   *Hello            `json:"hello,omitempty"`
	At      *journal.Position `json:"at,omitempty"`
	Event   json.RawMessage   `json:"event,omitempty"`
	Grew    *journal.Position `json:"grew,omitempty"`
	Stalled *string           `json:"stalled,omitempty"` // "" when there is room again
	Answer  *Answer           `json:"answer,omitempty"`
}

// Hello is the first notice on a connection.
type Hello struct {
	ExecutionID string `json:"executionId"`
	PID         int    `json:"pid"` // the runner's
	Protocol    int    `json:"protocol"`
	Life        uint64 `json:"life,omitempty"` // seq of the last event but log lines, so far
}

// Protocol is the version of this protocol.
const Protocol = 1

// Answer says what became of a request that has an id.
type Answer struct {
	ID    uint64        `json:"id"`
	Error string        `json:"error,omitempty"` // for people; empty: it was taken
	Code  protocol.Code `json:"code,omitempty"`  // of the error
}

// Request is what a server says on the control socket, one JSON object a line.
type Request struct {
	ID     uint64        `json:"id,omitempty"`   // asks for an answer
	Ping   bool          `json:"ping,omitempty"` // asks for an answer that waits for nothing
	Watch  *bool         `json:"watch,omitempty"`
	Cancel *Cancel       `json:"cancel,omitempty"`
	End    *End          `json:"end,omitempty"`
	Input  *driver.Input `json:"input,omitempty"`
}

// End asks for the end of the execution as failed, for a reason that the agent knows nothing of.
type End struct {
	Reason protocol.Reason `json:"reason"`
	Error  string          `json:"error"` // for a person: what went wrong
}

// Cancel asks for the end of the execution.
type Cancel struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}
