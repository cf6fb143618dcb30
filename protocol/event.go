package protocol

import "encoding/json"

// The types of journaled events.
const (
	TypeQueued    = "execution:queued"
	TypeStarted   = "execution:started"
	TypeLog       = "execution:log"
	TypeProgress  = "execution:progress"
	TypeSession   = "execution:session"
	TypeCost      = "execution:cost"
	TypeApproval  = "execution:approval"
	TypeApproved  = "execution:approved"
	TypeDenied    = "execution:denied"
	TypeTruncated = "execution:truncated"
	TypeCompleted = "execution:completed"
	TypeFailed    = "execution:failed"
	TypeCancelled = "execution:cancelled"

	TypeExecutionInput = "execution:input"
)

// IsTerminalType reports whether an event of that type ends its execution.
func IsTerminalType(eventType string) bool { return StatusAfter(eventType) != "" }

// StatusAfter is the status in which an event of that type leaves its execution for good, empty for
// a type that does not end one.
func StatusAfter(eventType string) Status {
	switch eventType {
	case TypeCompleted:
		return StatusCompleted
	case TypeFailed:
		return StatusFailed
	case TypeCancelled:
		return StatusCancelled
	}
	return ""
}

// Level is how much a log event matters.
type Level string

// The levels, least first.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Stream is where a log event came from.
type Stream string

// The streams. StreamAgent holds what the runner or the agent's driver says.
const (
	StreamStdout Stream = "stdout"
	StreamStderr Stream = "stderr"
	StreamAgent  Stream = "agent"
)

// Event is one journaled message: a union of the fields of all event types, of which each type uses
// its own (EventSpecs has the table). Its JSON is both the journal's and the wire's. Log events are
// encoded by the runner's own encoder, which gives equal JSON.
type Event struct {
	Type        string `json:"type"`
	ExecutionID string `json:"executionId"`
	Seq         uint64 `json:"seq"`
	Timestamp   Time   `json:"timestamp"`

	// queued, started
	AgentType string          `json:"agentType,omitempty"`
	Config    json.RawMessage `json:"config,omitempty"`
	Trigger   *Trigger        `json:"trigger,omitempty"`
	StartedBy string          `json:"startedBy,omitempty"` // the user, or the name of the API key; absent when it is trigger.user
	Tags      []string        `json:"tags,omitempty"`
	Parent    *Relative       `json:"parent,omitempty"`
	Attempt   int             `json:"attempt,omitempty"`   // of a retried execution: 2 for the first retry
	NotBefore *Time           `json:"notBefore,omitempty"` // it waits in the queue until then
	Command   []string        `json:"command,omitempty"`
	Workdir   string          `json:"workdir,omitempty"`
	PID       int             `json:"pid,omitempty"`
	Host      string          `json:"host,omitempty"`
	Worker    string          `json:"worker,omitempty"` // the worker it runs on; absent when the server runs it itself

	// log. Message is also progress's.
	Level   Level           `json:"level,omitempty"`
	Stream  Stream          `json:"stream,omitempty"`
	Message *string         `json:"message,omitempty"`
	Partial bool            `json:"partial,omitempty"`
	Raw     []byte          `json:"raw,omitempty"` // base64 in JSON; only when the bytes were not UTF-8
	Data    json.RawMessage `json:"data,omitempty"`

	Progress *float64 `json:"progress,omitempty"` // 0–100

	// session
	SessionID string `json:"sessionId,omitempty"` // the agent's own name of its conversation
	Agent     string `json:"agent,omitempty"`     // the agent program that keeps the session, with its version

	// cost: what the execution has cost so far, in all
	USD       *float64             `json:"usd,omitempty"`
	Tokens    *Tokens              `json:"tokens,omitempty"`
	Model     string               `json:"model,omitempty"`
	Models    map[string]ModelCost `json:"models,omitempty"` // the same by model
	Estimated *bool                `json:"estimated,omitempty"`
	Notional  *bool                `json:"notional,omitempty"` // a subscription pays for it: nobody is charged this amount
	Reported  *bool                `json:"reported,omitempty"` // false: the agent reports no cost; absent means true

	// approval, approved, denied. By is also input's and cancelled's.
	RequestID string           `json:"requestId,omitempty"`
	Kind      ApprovalKind     `json:"kind,omitempty"` // absent means tool
	Title     string           `json:"title,omitempty"`
	Tool      string           `json:"tool,omitempty"`
	Input     json.RawMessage  `json:"input,omitempty"`
	Options   []ApprovalOption `json:"options,omitempty"` // what a question can be answered with
	ExpiresAt *Time            `json:"expiresAt,omitempty"`
	By        string           `json:"by,omitempty"`
	Scope     ApprovalScope    `json:"scope,omitempty"` // absent means once
	Via       ApprovalVia      `json:"via,omitempty"`

	// input
	Text string `json:"text,omitempty"`

	// truncated
	DroppedLines *int64 `json:"droppedLines,omitempty"`
	DroppedBytes *int64 `json:"droppedBytes,omitempty"`
	Limit        *int64 `json:"limit,omitempty"` // bytes

	// completed, failed, cancelled. Reason is also denied's.
	Result          json.RawMessage `json:"result,omitempty"`
	Error           string          `json:"error,omitempty"`
	Reason          string          `json:"reason,omitempty"`
	ResetsAt        *Time           `json:"resetsAt,omitempty"` // when the account's usage limit ends
	ExitCode        *int            `json:"exitCode,omitempty"`
	Signal          string          `json:"signal,omitempty"`
	Cost            *float64        `json:"cost,omitempty"` // USD
	DurationMs      *int64          `json:"durationMs,omitempty"`
	ProcessesReaped *int            `json:"processesReaped,omitempty"`
	Survivors       []Survivor      `json:"survivors,omitempty"` // processes that could not be ended
	Artifacts       []Artifact      `json:"artifacts,omitempty"`
}

// Terminal reports whether the event is one of the three that end an execution.
func (e *Event) Terminal() bool { return IsTerminalType(e.Type) }

// Trigger says who or what started an execution.
type Trigger struct {
	Kind   string `json:"kind"`             // page, cli, api, schedule, hook, after, retry, continue, mcp or agent; older executions also have ws
	User   string `json:"user"`             // on whose behalf
	Manual bool   `json:"manual,omitempty"` // of a schedule that somebody had run out of turn
}

// Relative is another execution that this one belongs to.
type Relative struct {
	ExecutionID string `json:"executionId"`
	Why         Why    `json:"why"`
}

// Why says how a child execution came from its parent.
type Why string

// The ways by which an execution has a parent.
const (
	WhyRetry    Why = "retry"    // the parent failed and is tried again
	WhyAfter    Why = "after"    // the parent's definition starts it when the parent has ended
	WhyContinue Why = "continue" // it is the next turn of the parent's session
	WhyCall     Why = "call"     // the parent's agent started it
)

// ApprovalKind is what an agent asks for.
type ApprovalKind string

// The kinds of approvals.
const (
	ApprovalTool     ApprovalKind = "tool"     // leave to use a tool
	ApprovalQuestion ApprovalKind = "question" // an answer, usually one of the options
)

// ApprovalScope is how far an answer reaches.
type ApprovalScope string

// The scopes of answers.
const (
	ScopeOnce ApprovalScope = "once" // this request
	ScopeRun  ApprovalScope = "run"  // and the same tool with the same input for the rest of the execution
)

// ApprovalVia is the way by which an approval was answered.
type ApprovalVia string

// The ways of answers.
const (
	ViaPage   ApprovalVia = "page"
	ViaCLI    ApprovalVia = "cli"
	ViaAPI    ApprovalVia = "api"
	ViaLink   ApprovalVia = "link"   // a link in a notification
	ViaRule   ApprovalVia = "rule"   // the definition's approvalRules
	ViaExpiry ApprovalVia = "expiry" // nobody answered in time
	ViaAgent  ApprovalVia = "agent"  // the agent withdrew the request
)

// ApprovalOption is one of the answers a question offers.
type ApprovalOption struct {
	Label       string `json:"label"`
	Description string `json:"description,omitempty"`
}

// Tokens counts a model's tokens. No token is counted in two of the kinds.
type Tokens struct {
	Input        int64 `json:"input"`                  // not cached
	Output       int64 `json:"output"`                 // thinking included
	CacheRead    int64 `json:"cacheRead"`              // read from the cache
	CacheWrite   int64 `json:"cacheWrite"`             // written to the cache, for five minutes or for an hour
	CacheWrite1h int64 `json:"cacheWrite1h,omitempty"` // the part of cacheWrite that was written for an hour
}

// Plus adds two counts.
func (t Tokens) Plus(o Tokens) Tokens {
	return Tokens{t.Input + o.Input, t.Output + o.Output, t.CacheRead + o.CacheRead, t.CacheWrite + o.CacheWrite, t.CacheWrite1h + o.CacheWrite1h}
}

// ModelCost is one model's part of an execution's cost.
type ModelCost struct {
	USD    float64 `json:"usd"`
	Tokens Tokens  `json:"tokens"`
}

// Survivor is a process that could not be ended.
type Survivor struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// Artifact is a file that an execution leaves for people.
type Artifact struct {
	Path       string `json:"path"` // relative to the working directory
	Size       int64  `json:"size"` // bytes
	ModifiedAt Time   `json:"modifiedAt"`
}
