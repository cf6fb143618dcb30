package protocol

// Spec says which fields of a union struct one message type uses, beside type (and, for events,
// executionId, seq and timestamp; for requests, the optional id).
type Spec struct {
	Type     string
	Doc      string
	Required []string
	Optional []string
}

// EventSpecs describes every journaled event type; the fields are those of Event.
var EventSpecs = []Spec{
	{TypeQueued, "The execution was accepted. Always seq 1.", []string{"agentType", "config", "trigger"}, []string{"startedBy", "tags", "parent", "attempt", "notBefore"}},
	{TypeStarted, "The agent's process runs.", []string{"agentType", "command", "workdir", "pid", "host"}, []string{"worker"}},
	{TypeLog, "One line of output, or something the agent's driver says. partial: no newline followed; the line goes on in that stream's next log event, or ended with the program. raw: the original bytes, only when they were not UTF-8.", []string{"level", "stream", "message"}, []string{"partial", "raw", "data"}},
	{TypeProgress, "How far the agent says it is, in percent.", []string{"progress"}, []string{"message"}},
	{TypeSession, "The agent has begun, or gone on with, a session of its own.", []string{"sessionId", "agent"}, nil},
	{TypeCost, "What the execution has cost so far, in USD.", []string{"usd", "tokens", "model", "estimated"}, []string{"models", "notional", "reported"}},
	{TypeApproval, "The agent asks before it uses a tool, or asks a question.", []string{"requestId", "tool", "input", "expiresAt"}, []string{"kind", "title", "options"}},
	{TypeApproved, "An approval was given.", []string{"requestId", "by"}, []string{"scope", "reason", "via", "tool", "title"}},
	{TypeDenied, "An approval was refused, or expired, or the agent withdrew it.", []string{"requestId", "by"}, []string{"scope", "reason", "via", "tool", "title"}},
	{TypeExecutionInput, "Somebody has sent text to the agent.", []string{"text", "by"}, nil},
	{TypeTruncated, "Output past the limit (bytes) is no longer recorded.", []string{"droppedLines", "droppedBytes", "limit"}, nil},
	{TypeCompleted, "The agent ended well. Always the last event.", []string{"cost", "exitCode", "durationMs", "processesReaped"}, []string{"result", "artifacts", "survivors"}},
	{TypeFailed, "The agent failed; reason says how. Always the last event.", []string{"error", "reason", "cost", "durationMs", "processesReaped"}, []string{"exitCode", "signal", "resetsAt", "result", "artifacts", "survivors"}},
	{TypeCancelled, "Somebody stopped the execution. Always the last event.", []string{"by", "cost", "durationMs", "processesReaped"}, []string{"reason", "exitCode", "signal", "result", "artifacts", "survivors"}},
}

// RequestSpecs describes every client message; the fields are those of Request.
var RequestSpecs = []Spec{
	{TypeAuth, "The credential, when the upgrade carried none. Answered by connection.", []string{"token"}, nil},
	{TypeExecute, "Starts an agent. Answered by ack with executionId, then its events from seq 1.", []string{"agentType"}, []string{"config", "tags", "idempotencyKey", "subscribe", "onDisconnect"}},
	{TypeCancel, "Stops an execution. The outcome is the event execution:cancelled.", []string{"executionId"}, []string{"reason"}},
	{TypeStatus, "Asks for an execution's record. Answered by execution:status.", []string{"executionId"}, nil},
	{TypeInput, "Answers an approval, or sends text to the agent.", []string{"executionId"}, []string{"requestId", "decision", "scope", "text", "eof"}},
	{TypeLogsSubscribe, "Follows an execution's events after since (default 0), or from the last tail events. Answered by logs:subscribed, then events.", []string{"executionId"}, []string{"since", "tail"}},
	{TypeLogsUnsubscribe, "Ends a logs subscription.", []string{"executionId"}, nil},
	{TypeExecutionsSubscribe, "Follows the lifecycle events of every execution one may read. Answered by executions:snapshot.", nil, []string{"agentType", "status"}},
	{TypeExecutionsUnsubscribe, "Ends that subscription.", nil, nil},
	{TypeSystemSubscribe, "Asks for system:status every intervalMs.", nil, []string{"intervalMs"}},
	{TypeSystemUnsubscribe, "Ends that subscription.", nil, nil},
	{TypeLogsSearch, "Searches an execution's log lines. Answered by logs:matches, several, then ack.", []string{"executionId", "query"}, []string{"regex", "caseSensitive", "level", "stream", "from", "to", "direction", "limit"}},
	{TypePing, "Measures the way there and back. Answered by pong.", nil, []string{"timestamp"}},
}
