package protocol

import (
	"encoding/json"
	"slices"
	"time"
)

// Status is where an execution stands. The last three never change again.
type Status string

// The statuses, in the order an execution can pass through them.
const (
	StatusQueued     Status = "queued"
	StatusRunning    Status = "running"
	StatusCancelling Status = "cancelling"
	StatusCompleted  Status = "completed"
	StatusFailed     Status = "failed"
	StatusCancelled  Status = "cancelled"
)

// Statuses lists every status in the order an execution can pass through them.
var Statuses = []Status{StatusQueued, StatusRunning, StatusCancelling, StatusCompleted, StatusFailed, StatusCancelled}

// Terminal reports whether nothing of the execution runs any more and its journal is complete.
func (s Status) Terminal() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// Valid reports whether s is one of Statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses, s) }

// Reason says why an execution failed.
type Reason string

// The reasons of failed executions.
const (
	ReasonExitCode        Reason = "exit_code"        // the agent ended with a code other than 0
	ReasonSignal          Reason = "signal"           // a signal that was not the server's ended it
	ReasonTimeout         Reason = "timeout"          // the whole run took longer than allowed
	ReasonIdleTimeout     Reason = "idle_timeout"     // no output for longer than allowed
	ReasonStalled         Reason = "stalled"          // the agent's protocol stood still: no message, no tool in flight, no CPU used
	ReasonBudgetExceeded  Reason = "budget_exceeded"  // it cost more than allowed
	ReasonUsageLimit      Reason = "usage_limit"      // the account's usage limit is met; resetsAt says until when
	ReasonOutOfMemory     Reason = "out_of_memory"    // the kernel's OOM killer ended it
	ReasonSpawnFailed     Reason = "spawn_failed"     // it could not be started
	ReasonRunnerLost      Reason = "runner_lost"      // its runner died; what ran was killed
	ReasonWorkerLost      Reason = "worker_lost"      // its worker did not come back in time
	ReasonHostRestarted   Reason = "host_restarted"   // the machine was restarted under it
	ReasonApprovalExpired Reason = "approval_expired" // the agent ended because an approval was not given in time
	ReasonAgentError      Reason = "agent_error"      // the agent itself reported failure
)

// Cursor is the last event a reader has seen of one execution. Seq 0 is before the first event.
type Cursor struct {
	ExecutionID string `json:"executionId"`
	Seq         uint64 `json:"seq"`
}

// PendingApproval is something that an agent asks for and nobody has answered.
type PendingApproval struct {
	RequestID string           `json:"requestId"`
	Seq       uint64           `json:"seq"` // of the event that asks
	AskedAt   Time             `json:"askedAt"`
	ExpiresAt *Time            `json:"expiresAt,omitempty"`
	Kind      ApprovalKind     `json:"kind"`
	Title     string           `json:"title,omitempty"`
	Tool      string           `json:"tool,omitempty"`
	Input     json.RawMessage  `json:"input,omitempty"`
	Options   []ApprovalOption `json:"options,omitempty"`
}

// Record is the state of one execution, folded from its events: the body of execution:status.
type Record struct {
	ExecutionID      string               `json:"executionId"`
	AgentType        string               `json:"agentType"`
	Status           Status               `json:"status"`
	Terminal         bool                 `json:"terminal"`
	Head             uint64               `json:"head"` // seq of the last event known when the record was made
	QueuedAt         time.Time            `json:"queuedAt"`
	NotBefore        *time.Time           `json:"notBefore,omitempty"` // it waits in the queue until then
	StartedAt        *time.Time           `json:"startedAt,omitempty"`
	EndedAt          *time.Time           `json:"endedAt,omitempty"`
	DurationMs       int64                `json:"durationMs,omitempty"`    // start to end; 0 while it runs
	QueuePosition    int                  `json:"queuePosition,omitempty"` // 1 is next; 0 when not queued
	Progress         *float64             `json:"progress,omitempty"`      // 0–100
	ProgressMessage  string               `json:"progressMessage,omitempty"`
	SessionID        string               `json:"sessionId,omitempty"` // the agent's own name of its conversation
	SessionAgent     string               `json:"sessionAgent,omitempty"`
	PendingApprovals []PendingApproval    `json:"pendingApprovals,omitempty"` // oldest first
	Cost             float64              `json:"cost"`                       // USD so far, in whole millionths
	CostEstimated    bool                 `json:"costEstimated,omitempty"`
	CostNotional     bool                 `json:"costNotional,omitempty"` // a subscription pays for it: nobody is charged this amount
	CostReported     *bool                `json:"costReported,omitempty"` // false: the agent reports no cost; absent: no event has told of cost
	Tokens           *Tokens              `json:"tokens,omitempty"`
	Model            string               `json:"model,omitempty"`
	Models           map[string]ModelCost `json:"models,omitempty"` // cost and tokens by model
	ExitCode         *int                 `json:"exitCode,omitempty"`
	Signal           string               `json:"signal,omitempty"`
	Reason           string               `json:"reason,omitempty"`   // a Reason when failed, the caller's words when cancelled
	ResetsAt         *time.Time           `json:"resetsAt,omitempty"` // when the account's usage limit ends
	Error            string               `json:"error,omitempty"`
	CancelledBy      string               `json:"cancelledBy,omitempty"`
	ProcessesReaped  int                  `json:"processesReaped"`
	Survivors        []Survivor           `json:"survivors,omitempty"` // processes that could not be ended
	Result           json.RawMessage      `json:"result,omitempty"`
	Artifacts        []Artifact           `json:"artifacts,omitempty"`
	Config           json.RawMessage      `json:"config,omitempty"` // secrets masked
	Trigger          Trigger              `json:"trigger"`
	StartedBy        string               `json:"startedBy,omitempty"` // the user, or the name of the API key
	Tags             []string             `json:"tags,omitempty"`
	Attempt          int                  `json:"attempt,omitempty"` // of a retried execution: 2 for the first retry
	Parent           *Relative            `json:"parent,omitempty"`
	Children         []Relative           `json:"children,omitempty"` // oldest first; only where one execution is asked for
	Command          []string             `json:"command,omitempty"`
	Workdir          string               `json:"workdir,omitempty"`
	Host             string               `json:"host,omitempty"`
	Worker           string               `json:"worker,omitempty"` // the worker it runs on; absent when the server runs it itself
	PID              int                  `json:"pid,omitempty"`
	DroppedLines     int64                `json:"droppedLines,omitempty"`
	DroppedBytes     int64                `json:"droppedBytes,omitempty"`
	QueueReason      string               `json:"queueReason,omitempty"`   // why it is not started now, for people; empty when it only waits for its turn
	Pinned           bool                 `json:"pinned,omitempty"`        // retention leaves it alone
	Omitted          []string             `json:"omitted,omitempty"`       // fields too large for a list or a snapshot; GET /api/executions/{id} has them
	LogsRemovedAt    *time.Time           `json:"logsRemovedAt,omitempty"` // when retention took its log lines; absent while they are kept
}
