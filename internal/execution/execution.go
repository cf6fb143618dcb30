// Package execution is the vocabulary everything else speaks: executions, their states, their
// events and the cursors that point into them. It owns no state, does no I/O and imports only
// the standard library.
package execution

import (
	"encoding/json"
	"time"
)

// Status is where an execution stands. The last three never change again.
type Status string

const (
	Queued     Status = "queued"
	Running    Status = "running"
	Cancelling Status = "cancelling"
	Completed  Status = "completed"
	Failed     Status = "failed"
	Cancelled  Status = "cancelled"
)

// Statuses lists every status in the order an execution can pass through them.
var Statuses = []Status{Queued, Running, Cancelling, Completed, Failed, Cancelled}

// Terminal reports whether nothing of the execution runs any more and its journal is complete.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

// Valid reports whether s is one of Statuses.
func (s Status) Valid() bool {
	for _, known := range Statuses {
		if s == known {
			return true
		}
	}
	return false
}

// Reason says why an execution failed.
type Reason string

const (
	ReasonExitCode       Reason = "exit_code"       // the agent ended with a code other than 0
	ReasonSignal         Reason = "signal"          // a signal we did not send ended it
	ReasonTimeout        Reason = "timeout"         // the whole run took longer than allowed
	ReasonIdleTimeout    Reason = "idle_timeout"    // no output for longer than allowed
	ReasonBudgetExceeded Reason = "budget_exceeded" // it cost more than allowed
	ReasonOutOfMemory    Reason = "out_of_memory"   // the kernel's OOM killer ended it
	ReasonSpawnFailed    Reason = "spawn_failed"    // it could not be started
	ReasonRunnerLost     Reason = "runner_lost"     // its runner died; what ran was killed
	ReasonHostRestarted  Reason = "host_restarted"  // the machine was restarted under it
	ReasonAgentError     Reason = "agent_error"     // the agent itself reported failure
)

// Cursor is the last event a reader has seen of one execution. Seq 0 is before the first event.
type Cursor struct {
	ExecutionID string `json:"executionId"`
	Seq         uint64 `json:"seq"`
}

// Trigger says who or what started an execution. Kind is "page", "cli", "api" or "ws".
type Trigger struct {
	Kind string `json:"kind"`
	User string `json:"user"`
}

// Tokens counts a model's tokens.
type Tokens struct {
	Input      int64 `json:"input"`
	Output     int64 `json:"output"`
	CacheRead  int64 `json:"cacheRead"`
	CacheWrite int64 `json:"cacheWrite"`
}

// Record is the state of one execution, folded from its events: the body of execution:status.
type Record struct {
	ExecutionID     string          `json:"executionId"`
	AgentType       string          `json:"agentType"`
	Status          Status          `json:"status"`
	Terminal        bool            `json:"terminal"`
	Head            uint64          `json:"head"` // seq of the last event known when the record was made
	QueuedAt        time.Time       `json:"queuedAt"`
	StartedAt       *time.Time      `json:"startedAt,omitempty"`
	EndedAt         *time.Time      `json:"endedAt,omitempty"`
	DurationMs      int64           `json:"durationMs,omitempty"`    // start to end; 0 while it runs
	QueuePosition   int             `json:"queuePosition,omitempty"` // 1 is next; 0 when not queued
	Progress        *float64        `json:"progress,omitempty"`      // 0–100
	ProgressMessage string          `json:"progressMessage,omitempty"`
	Cost            float64         `json:"cost"` // USD so far
	CostEstimated   bool            `json:"costEstimated,omitempty"`
	Tokens          *Tokens         `json:"tokens,omitempty"`
	Model           string          `json:"model,omitempty"`
	ExitCode        *int            `json:"exitCode,omitempty"`
	Signal          string          `json:"signal,omitempty"`
	Reason          string          `json:"reason,omitempty"` // a Reason when failed, the caller's words when cancelled
	Error           string          `json:"error,omitempty"`
	CancelledBy     string          `json:"cancelledBy,omitempty"`
	ProcessesReaped int             `json:"processesReaped"`
	Result          json.RawMessage `json:"result,omitempty"`
	Config          json.RawMessage `json:"config,omitempty"` // secrets masked
	Trigger         Trigger         `json:"trigger"`
	Command         []string        `json:"command,omitempty"`
	Workdir         string          `json:"workdir,omitempty"`
	Host            string          `json:"host,omitempty"`
	PID             int             `json:"pid,omitempty"`
	DroppedLines    int64           `json:"droppedLines,omitempty"`
	DroppedBytes    int64           `json:"droppedBytes,omitempty"`
	QueueReason     string          `json:"queueReason,omitempty"`   // why nothing is started now, for people; empty when it only waits for its turn
	Pinned          bool            `json:"pinned,omitempty"`        // retention leaves it alone
	LogsRemovedAt   *time.Time      `json:"logsRemovedAt,omitempty"` // when retention took its log lines; absent while they are kept
}
