// Package execution is the vocabulary of the rooms: the types of package protocol, which owns them,
// under the names that internal code uses, and what an id may be. It owns no state and does no I/O.
package execution

import "github.com/claudeops/claudeops/protocol"

// The types that describe an execution.
type (
	Event    = protocol.Event
	Record   = protocol.Record
	Status   = protocol.Status
	Reason   = protocol.Reason
	Cursor   = protocol.Cursor
	Trigger  = protocol.Trigger
	Tokens   = protocol.Tokens
	Survivor = protocol.Survivor
	Level    = protocol.Level
	Stream   = protocol.Stream
	Time     = protocol.Time
)

// The types of journaled events.
const (
	TypeQueued    = protocol.TypeQueued
	TypeStarted   = protocol.TypeStarted
	TypeLog       = protocol.TypeLog
	TypeProgress  = protocol.TypeProgress
	TypeSession   = protocol.TypeSession
	TypeCost      = protocol.TypeCost
	TypeApproval  = protocol.TypeApproval
	TypeApproved  = protocol.TypeApproved
	TypeDenied    = protocol.TypeDenied
	TypeInput     = protocol.TypeExecutionInput
	TypeTruncated = protocol.TypeTruncated
	TypeCompleted = protocol.TypeCompleted
	TypeFailed    = protocol.TypeFailed
	TypeCancelled = protocol.TypeCancelled
)

// The statuses.
const (
	Queued     = protocol.StatusQueued
	Running    = protocol.StatusRunning
	Cancelling = protocol.StatusCancelling
	Completed  = protocol.StatusCompleted
	Failed     = protocol.StatusFailed
	Cancelled  = protocol.StatusCancelled
)

// The levels and streams of log events.
const (
	Debug = protocol.LevelDebug
	Info  = protocol.LevelInfo
	Warn  = protocol.LevelWarn
	Error = protocol.LevelError

	Stdout = protocol.StreamStdout
	Stderr = protocol.StreamStderr
	Agent  = protocol.StreamAgent
)

// The reasons of failed executions.
const (
	ReasonExitCode        = protocol.ReasonExitCode
	ReasonSignal          = protocol.ReasonSignal
	ReasonTimeout         = protocol.ReasonTimeout
	ReasonIdleTimeout     = protocol.ReasonIdleTimeout
	ReasonStalled         = protocol.ReasonStalled
	ReasonBudgetExceeded  = protocol.ReasonBudgetExceeded
	ReasonUsageLimit      = protocol.ReasonUsageLimit
	ReasonOutOfMemory     = protocol.ReasonOutOfMemory
	ReasonSpawnFailed     = protocol.ReasonSpawnFailed
	ReasonRunnerLost      = protocol.ReasonRunnerLost
	ReasonWorkerLost      = protocol.ReasonWorkerLost
	ReasonHostRestarted   = protocol.ReasonHostRestarted
	ReasonApprovalExpired = protocol.ReasonApprovalExpired
	ReasonAgentError      = protocol.ReasonAgentError
)

// TimeFormat is how every timestamp is written: RFC 3339, UTC, milliseconds.
const TimeFormat = protocol.TimeFormat

// Statuses lists every status in the order an execution can pass through them.
var Statuses = protocol.Statuses

// At gives a time in the precision and zone that events carry.
var At = protocol.At

// IsTerminalType reports whether an event of that type ends its execution.
func IsTerminalType(eventType string) bool { return protocol.IsTerminalType(eventType) }

// IDLength is the length of an execution's id.
const IDLength = protocol.IDLength

// ValidateID says whether id can be an execution's id. Whatever passes is safe as a file name.
func ValidateID(id string) error { return protocol.ValidateID(id) }
