// Package protocol is version 1 of the wire contract: every message a client and a server exchange,
// its fields, the error and close codes, and the limits. It is the one source: the TypeScript types,
// the AsyncAPI document and the table of fields in docs/protocol.md are generated from it, and the
// golden frames in testdata are read by the Go and the TypeScript tests alike.
//
// A message is one JSON object with a string type. A frame is one or more messages, each ended by
// '\n' (the last one's may be missing).
package protocol

import (
	"encoding/json"
	"time"
)

// Version is what the connection message announces.
const Version = 1

// Subprotocol is the WebSocket subprotocol a client may ask for.
const Subprotocol = "claudeops.v1"

// Greeting is the message field of connection.
const Greeting = "Connected to Agent Runner"

// Client-to-server message types.
const (
	TypeAuth                  = "auth"
	TypeExecute               = "agent:execute"
	TypeCancel                = "agent:cancel"
	TypeStatus                = "agent:status"
	TypeInput                 = "agent:input"
	TypeLogsSubscribe         = "logs:subscribe"
	TypeLogsUnsubscribe       = "logs:unsubscribe"
	TypeExecutionsSubscribe   = "executions:subscribe"
	TypeExecutionsUnsubscribe = "executions:unsubscribe"
	TypeSystemSubscribe       = "system:subscribe"
	TypeSystemUnsubscribe     = "system:unsubscribe"
	TypeLogsSearch            = "logs:search"
	TypePing                  = "ping"
)

// Server-to-client message types that are not journaled. Those that are stand in event.go.
const (
	TypeConnection         = "connection"
	TypeAck                = "ack"
	TypeError              = "error"
	TypeExecutionStatus    = "execution:status"
	TypeLogsSubscribed     = "logs:subscribed"
	TypeLogsGap            = "logs:gap"
	TypeLogsMatches        = "logs:matches"
	TypeExecutionsSnapshot = "executions:snapshot"
	TypeSystemStatus       = "system:status"
	TypePong               = "pong"
)

// Request is any client-to-server message: a union of their fields. ClientMessages says which
// type uses which.
type Request struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"` // echoed in the ack or error that answers

	Token string `json:"token,omitempty"`

	AgentType      string          `json:"agentType,omitempty"`
	Config         json.RawMessage `json:"config,omitempty"`
	Tags           []string        `json:"tags,omitempty"` // beside the agent's own
	IdempotencyKey string          `json:"idempotencyKey,omitempty"`
	Subscribe      *bool           `json:"subscribe,omitempty"`    // default true
	OnDisconnect   string          `json:"onDisconnect,omitempty"` // "continue" (default) or "cancel"

	ExecutionID string `json:"executionId,omitempty"`
	Reason      string `json:"reason,omitempty"`

	RequestID string `json:"requestId,omitempty"`
	Decision  string `json:"decision,omitempty"` // "allow" or "deny"
	Scope     string `json:"scope,omitempty"`    // "once" (default) or "run": the same use of the tool is not asked for again
	Text      string `json:"text,omitempty"`     // for the agent's stdin; a newline is added where it does not end with one
	EOF       bool   `json:"eof,omitempty"`      // ends the agent's stdin, after the text

	Since *Seq `json:"since,omitempty"`
	Tail  *Seq `json:"tail,omitempty"`

	Status     string `json:"status,omitempty"`     // one or several, separated by commas
	IntervalMs int64  `json:"intervalMs,omitempty"` // milliseconds

	Query         string `json:"query,omitempty"`
	Regex         bool   `json:"regex,omitempty"`
	CaseSensitive bool   `json:"caseSensitive,omitempty"`
	Level         string `json:"level,omitempty"`
	Stream        string `json:"stream,omitempty"`
	From          *Seq   `json:"from,omitempty"`      // only events after it, or before it when direction is "previous"
	To            *Seq   `json:"to,omitempty"`        // only events up to it, or down to it when direction is "previous"
	Direction     string `json:"direction,omitempty"` // "next" (default) or "previous"
	Limit         int    `json:"limit,omitempty"`

	Timestamp json.RawMessage `json:"timestamp,omitempty"` // ping's, echoed as it came
}

// Connection is the server's first message.
type Connection struct {
	Type         string    `json:"type"`
	Message      string    `json:"message"`
	Protocol     int       `json:"protocol"`
	ConnectionID string    `json:"connectionId"`
	ServerTime   Time      `json:"serverTime"`
	Heartbeat    Heartbeat `json:"heartbeat"`
	Limits       Limits    `json:"limits"`
	User         User      `json:"user"`
}

// Heartbeat says how often the server pings, and after how long without any sign it hangs up.
type Heartbeat struct {
	IntervalMs int64 `json:"intervalMs"`
	TimeoutMs  int64 `json:"timeoutMs"`
}

// User is who the connection belongs to.
type User struct {
	ID          string   `json:"id"`
	Permissions []string `json:"permissions"`
}

// Ack answers a request that succeeded.
type Ack struct {
	Type          string `json:"type"`
	ID            string `json:"id,omitempty"`
	ExecutionID   string `json:"executionId,omitempty"`
	Status        Status `json:"status,omitempty"`        // execute, cancel
	QueuePosition int    `json:"queuePosition,omitempty"` // execute
	Existing      bool   `json:"existing,omitempty"`      // execute: the idempotency key was known
	Total         *int64 `json:"total,omitempty"`         // search
	Complete      *bool  `json:"complete,omitempty"`      // search
}

// Error answers a request that failed. The connection lives on.
type Error struct {
	Type         string          `json:"type"`
	ID           string          `json:"id,omitempty"`
	Code         Code            `json:"code"`
	Message      string          `json:"message"` // for a person: what, where, what to do
	Retryable    bool            `json:"retryable"`
	RetryAfterMs int64           `json:"retryAfterMs,omitempty"` // rate_limited
	Details      json.RawMessage `json:"details,omitempty"`
}

// ExecutionStatus is the answer to agent:status.
type ExecutionStatus struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
	Record
}

// LogsSubscribed says from where events follow, and where the journal's end is now.
type LogsSubscribed struct {
	Type        string `json:"type"`
	ID          string `json:"id,omitempty"`
	ExecutionID string `json:"executionId"`
	From        uint64 `json:"from"` // seq of the first event that follows
	Head        uint64 `json:"head"` // seq of the last event stored now
}

// LogsGap says that events From to To inclusive can't be given.
type LogsGap struct {
	Type        string `json:"type"`
	ExecutionID string `json:"executionId"`
	From        uint64 `json:"from"`
	To          uint64 `json:"to"`
	Reason      string `json:"reason"` // "damaged" or "retention"
}

// ExecutionsSnapshot begins an executions subscription, and begins it anew when a reader was too
// slow for the lifecycle events in between.
type ExecutionsSnapshot struct {
	Type       string   `json:"type"`
	ID         string   `json:"id,omitempty"`
	Executions []Record `json:"executions"`
}

// Match is one line that a search found. Message is the line's text as a terminal shows it, its parts
// joined, without escape sequences; ranges are [start, end) in UTF-16 code units of it. Seq, timestamp,
// level and stream are those of the event that the line begins with.
type Match struct {
	ExecutionID string   `json:"executionId,omitempty"` // only in searches across executions
	Seq         uint64   `json:"seq"`
	Ranges      [][2]int `json:"ranges"`
	Timestamp   *Time    `json:"timestamp,omitempty"`
	Level       Level    `json:"level,omitempty"`
	Stream      Stream   `json:"stream,omitempty"`
	Message     string   `json:"message,omitempty"`
}

// LogsMatches carries matches as they are found; several may answer one search, then its ack.
type LogsMatches struct {
	Type        string  `json:"type"`
	ID          string  `json:"id,omitempty"`
	ExecutionID string  `json:"executionId,omitempty"`
	Matches     []Match `json:"matches"`
	Total       int64   `json:"total"`           // counted so far
	Complete    bool    `json:"complete"`        // whether Total is final
	Lost        uint64  `json:"lost,omitempty"`  // events so far that could not be searched: damaged, or no longer kept
	Error       string  `json:"error,omitempty"` // why this execution of several could not be searched; the search goes on
}

// SystemStatus is a sample of the host. Sizes are bytes, shares percent.
type SystemStatus struct {
	Type       string     `json:"type"`
	Timestamp  Time       `json:"timestamp"`
	CPU        float64    `json:"cpu"`
	Memory     Usage      `json:"memory"`
	Disk       DiskUsage  `json:"disk"`
	Load       [3]float64 `json:"load"` // 1, 5 and 15 minutes
	Executions Executions `json:"executions"`
}

// Usage is how much of something is taken.
type Usage struct {
	Used    uint64  `json:"used"`
	Total   uint64  `json:"total"`
	Percent float64 `json:"percent"`
}

// DiskUsage is the usage of the file system that holds the data directory.
type DiskUsage struct {
	Path string `json:"path"`
	Usage
	State     DiskState `json:"state,omitempty"`     // absent when nobody watches the room there is
	Free      uint64    `json:"free,omitempty"`      // bytes that the server can still write
	LowMark   uint64    `json:"lowMark,omitempty"`   // with less free than this nothing is started
	Condition string    `json:"condition,omitempty"` // what is wrong, for people; absent when all is well
}

// DiskState says whether there is room for what is to be recorded.
type DiskState string

const (
	DiskOK       DiskState = "ok"       // there is room
	DiskLow      DiskState = "low"      // what is new waits in the queue until there is room
	DiskCritical DiskState = "critical" // and what runs may soon not be recorded any more: agents then wait
)

// DiskStates lists every state, best first.
var DiskStates = []DiskState{DiskOK, DiskLow, DiskCritical}

// Executions counts what waits and what runs.
type Executions struct {
	Queued  int `json:"queued"`
	Running int `json:"running"`
}

// Pong answers ping.
type Pong struct {
	Type       string          `json:"type"`
	ID         string          `json:"id,omitempty"`
	Timestamp  json.RawMessage `json:"timestamp,omitempty"`
	ServerTime Time            `json:"serverTime"`
}

// Limits tells a client what the server allows. 0 means no limit of ours.
type Limits struct {
	MaxMessageBytes         int64   `json:"maxMessageBytes"`
	MessagesPerSecond       float64 `json:"messagesPerSecond"`     // per connection
	MessageBurst            int     `json:"messageBurst"`          // per connection
	UserMessagesPerSecond   float64 `json:"userMessagesPerSecond"` // over all connections of a user
	MaxSubscriptions        int     `json:"maxSubscriptions"`      // executions watched per connection
	MaxConnectionsPerUser   int     `json:"maxConnectionsPerUser"`
	MaxConnections          int     `json:"maxConnections"`
	MaxQueuedExecutions     int     `json:"maxQueuedExecutions"`
	HandshakeTimeoutMs      int64   `json:"handshakeTimeoutMs"`
	AuthTimeoutMs           int64   `json:"authTimeoutMs"`
	DisconnectGraceMs       int64   `json:"disconnectGraceMs"` // onDisconnect "cancel" waits this long
	MinSystemIntervalMs     int64   `json:"minSystemIntervalMs"`
	DefaultSystemIntervalMs int64   `json:"defaultSystemIntervalMs"`
}

// DefaultLimits are in force where the operator sets nothing else.
func DefaultLimits() Limits {
	return Limits{
		MaxMessageBytes: 64 << 10, MessagesPerSecond: 50, MessageBurst: 200, UserMessagesPerSecond: 500,
		MaxSubscriptions: 100, MaxConnectionsPerUser: 20_000, MaxConnections: 50_000, MaxQueuedExecutions: 10_000,
		HandshakeTimeoutMs: 10_000, AuthTimeoutMs: 5_000, DisconnectGraceMs: 30_000,
		MinSystemIntervalMs: 1_000, DefaultSystemIntervalMs: 5_000,
	}
}

// DefaultHeartbeat is a ping every 25 s and a hang-up after 20 s more without a sign.
func DefaultHeartbeat() Heartbeat {
	return Heartbeat{IntervalMs: (25 * time.Second).Milliseconds(), TimeoutMs: (20 * time.Second).Milliseconds()}
}
