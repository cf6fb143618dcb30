// Generated from package protocol by `go generate ./protocol`. Do not edit.

/** The version of the wire contract these types describe. */
export const protocolVersion = 1;

/** The WebSocket subprotocol to ask for. */
export const subprotocol = "claudeops.v1";

/** WebSocket close codes. */
export const closeCodes = {
  /** reconnect with backoff */
  normal: 1000,
  /** reconnect with backoff */
  goingAway: 1001,
  /** the client's fault: don't */
  protocol: 1002,
  /** don't */
  binary: 1003,
  /** don't */
  invalidUTF8: 1007,
  /** authentication failed or a rule broken: don't */
  policy: 1008,
  /** don't */
  tooLarge: 1009,
  /** reconnect with backoff */
  serverError: 1011,
  /** reconnect with backoff */
  restart: 1012,
  /** expired or revoked: reconnect with a new one */
  credential: 4401,
  /** no answer to heartbeats: reconnect */
  heartbeat: 4408,
  /** reconnect after retryAfterMs, given in the close reason */
  rateLimited: 4429,
} as const;

/** What an agent asks for. */
export type ApprovalKind =
  /** leave to use a tool */
  | "tool"
  /** an answer, usually one of the options */
  | "question";

/** How far an answer reaches. */
export type ApprovalScope =
  /** this request */
  | "once"
  /** and the same tool with the same input for the rest of the execution */
  | "run";

/** The way by which an approval was answered. */
export type ApprovalVia =
  | "page"
  | "cli"
  | "api"
  /** a link in a notification */
  | "link"
  /** the definition's approvalRules */
  | "rule"
  /** nobody answered in time */
  | "expiry"
  /** the agent withdrew the request */
  | "agent";

/** Says whether there is room for what is to be recorded. */
export type DiskState =
  /** there is room */
  | "ok"
  /** what is new waits in the queue until there is room */
  | "low"
  /** and what runs may soon not be recorded any more: agents then wait */
  | "critical";

/** Classifies an error. Clients branch on it, never on the message. */
export type ErrorCode =
  /** malformed, or a field is wrong */
  | "bad_request"
  /** no such message type */
  | "unknown_type"
  /** no credential, or not a valid one */
  | "unauthenticated"
  /** the credential lacks the permission */
  | "forbidden"
  /** no such agent or execution, or none the caller may see */
  | "not_found"
  /** e.g. an idempotency key used with another request */
  | "conflict"
  /** wait retryAfterMs */
  | "rate_limited"
  /** a message or a parameter is over its limit */
  | "too_large"
  /** subscriptions, connections, queue */
  | "limit_reached"
  /** no money left for it */
  | "budget_exceeded"
  /** shutting down, disk full: try again later */
  | "unavailable"
  /** our fault; the log has the details */
  | "internal";

/** Says why an execution failed. */
export type FailureReason =
  /** the agent ended with a code other than 0 */
  | "exit_code"
  /** a signal that was not the server's ended it */
  | "signal"
  /** the whole run took longer than allowed */
  | "timeout"
  /** no output for longer than allowed */
  | "idle_timeout"
  /** the agent's protocol stood still: no message, no tool in flight, no CPU used */
  | "stalled"
  /** it cost more than allowed */
  | "budget_exceeded"
  /** the account's usage limit is met; resetsAt says until when */
  | "usage_limit"
  /** the kernel's OOM killer ended it */
  | "out_of_memory"
  /** it could not be started */
  | "spawn_failed"
  /** its runner died; what ran was killed */
  | "runner_lost"
  /** its worker did not come back in time */
  | "worker_lost"
  /** the machine was restarted under it */
  | "host_restarted"
  /** the agent ended because an approval was not given in time */
  | "approval_expired"
  /** the agent itself reported failure */
  | "agent_error";

/** How much a log event matters. */
export type Level =
  | "debug"
  | "info"
  | "warn"
  | "error";

/** What a credential may do; admin implies the others. */
export type Permission =
  | "agents:execute"
  | "executions:read"
  | "executions:cancel"
  /** sends text to a running agent */
  | "executions:input"
  /** decides what an agent asks for */
  | "executions:approve"
  | "costs:read"
  | "system:read"
  | "workers:join"
  | "admin";

/** Where an execution stands. The last three never change again. */
export type Status =
  | "queued"
  | "running"
  | "cancelling"
  | "completed"
  | "failed"
  | "cancelled";

/** Where a log event came from. */
export type Stream =
  | "stdout"
  | "stderr"
  | "agent";

/** Says how a child execution came from its parent. */
export type Why =
  /** the parent failed and is tried again */
  | "retry"
  /** the parent's definition starts it when the parent has ended */
  | "after"
  /** it is the next turn of the parent's session */
  | "continue"
  /** the parent's agent started it */
  | "call";

/** One of the answers a question offers. */
export interface ApprovalOption {
  readonly label: string;
  readonly description?: string;
}

/** A file that an execution leaves for people. */
export interface Artifact {
  /** relative to the working directory */
  readonly path: string;
  /** bytes */
  readonly size: number;
  readonly modifiedAt: string;
}

/** The last event a reader has seen of one execution. Seq 0 is before the first event. */
export interface Cursor {
  readonly executionId: string;
  readonly seq: number;
}

/** The usage of the file system that holds the data directory. */
export interface DiskUsage {
  readonly path: string;
  readonly used: number;
  readonly total: number;
  readonly percent: number;
  /** absent when nobody watches the room there is */
  readonly state?: DiskState;
  /** bytes that the server can still write */
  readonly free?: number;
  /** with less free than this nothing is started */
  readonly lowMark?: number;
  /** what is wrong, for people; absent when all is well */
  readonly condition?: string;
}

/** Counts what waits and what runs. */
export interface ExecutionCounts {
  readonly queued: number;
  readonly running: number;
}

/** The state of one execution, folded from its events: the body of execution:status. */
export interface ExecutionRecord {
  readonly executionId: string;
  readonly agentType: string;
  readonly status: Status;
  readonly terminal: boolean;
  /** seq of the last event known when the record was made */
  readonly head: number;
  readonly queuedAt: string;
  /** it waits in the queue until then */
  readonly notBefore?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** start to end; 0 while it runs */
  readonly durationMs?: number;
  /** 1 is next; 0 when not queued */
  readonly queuePosition?: number;
  /** 0–100 */
  readonly progress?: number;
  readonly progressMessage?: string;
  /** the agent's own name of its conversation */
  readonly sessionId?: string;
  readonly sessionAgent?: string;
  /** oldest first */
  readonly pendingApprovals?: readonly PendingApproval[];
  /** USD so far, in whole millionths */
  readonly cost: number;
  readonly costEstimated?: boolean;
  /** a subscription pays for it: nobody is charged this amount */
  readonly costNotional?: boolean;
  /** false: the agent reports no cost; absent: no event has told of cost */
  readonly costReported?: boolean;
  readonly tokens?: Tokens;
  readonly model?: string;
  /** cost and tokens by model */
  readonly models?: Readonly<Record<string, ModelCost>>;
  readonly exitCode?: number;
  readonly signal?: string;
  /** a Reason when failed, the caller's words when cancelled */
  readonly reason?: string;
  /** when the account's usage limit ends */
  readonly resetsAt?: string;
  readonly error?: string;
  readonly cancelledBy?: string;
  readonly processesReaped: number;
  /** processes that could not be ended */
  readonly survivors?: readonly Survivor[];
  readonly result?: unknown;
  readonly artifacts?: readonly Artifact[];
  /** secrets masked */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly trigger: Trigger;
  /** the user, or the name of the API key */
  readonly startedBy?: string;
  readonly tags?: readonly string[];
  /** of a retried execution: 2 for the first retry */
  readonly attempt?: number;
  readonly parent?: Relative;
  /** oldest first; only where one execution is asked for */
  readonly children?: readonly Relative[];
  readonly command?: readonly string[];
  readonly workdir?: string;
  readonly host?: string;
  /** the worker it runs on; absent when the server runs it itself */
  readonly worker?: string;
  readonly pid?: number;
  readonly droppedLines?: number;
  readonly droppedBytes?: number;
  /** why it is not started now, for people; empty when it only waits for its turn */
  readonly queueReason?: string;
  /** retention leaves it alone */
  readonly pinned?: boolean;
  /** fields too large for a list or a snapshot; GET /api/executions/{id} has them */
  readonly omitted?: readonly string[];
  /** when retention took its log lines; absent while they are kept */
  readonly logsRemovedAt?: string;
}

/** Says how often the server pings, and after how long without any sign it hangs up. */
export interface Heartbeat {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Tells a client what the server allows. 0 means no limit of ours. */
export interface Limits {
  readonly maxMessageBytes: number;
  /** per connection */
  readonly messagesPerSecond: number;
  /** per connection */
  readonly messageBurst: number;
  /** over all connections of a user */
  readonly userMessagesPerSecond: number;
  /** executions watched per connection */
  readonly maxSubscriptions: number;
  readonly maxConnectionsPerUser: number;
  readonly maxConnections: number;
  readonly maxQueuedExecutions: number;
  readonly handshakeTimeoutMs: number;
  readonly authTimeoutMs: number;
  /** onDisconnect "cancel" waits this long */
  readonly disconnectGraceMs: number;
  readonly minSystemIntervalMs: number;
  readonly defaultSystemIntervalMs: number;
}

/** One model's part of an execution's cost. */
export interface ModelCost {
  readonly usd: number;
  readonly tokens: Tokens;
}

/** Something that an agent asks for and nobody has answered. */
export interface PendingApproval {
  readonly requestId: string;
  /** of the event that asks */
  readonly seq: number;
  readonly askedAt: string;
  readonly expiresAt?: string;
  readonly kind: ApprovalKind;
  readonly title?: string;
  readonly tool?: string;
  readonly input?: unknown;
  readonly options?: readonly ApprovalOption[];
}

/** Another execution that this one belongs to. */
export interface Relative {
  readonly executionId: string;
  readonly why: Why;
}

/** One line that a search found. Message is the line's text as a terminal shows it, its parts joined, without escape sequences; ranges are [start, end) in UTF-16 code units of it. Seq, timestamp, level and stream are those of the event that the line begins with. */
export interface SearchMatch {
  /** only in searches across executions */
  readonly executionId?: string;
  readonly seq: number;
  readonly ranges: readonly (readonly [number, number])[];
  readonly timestamp?: string;
  readonly level?: Level;
  readonly stream?: Stream;
  readonly message?: string;
}

/** A process that could not be ended. */
export interface Survivor {
  readonly pid: number;
  readonly command: string;
}

/** Counts a model's tokens. No token is counted in two of the kinds. */
export interface Tokens {
  /** not cached */
  readonly input: number;
  /** thinking included */
  readonly output: number;
  /** read from the cache */
  readonly cacheRead: number;
  /** written to the cache, for five minutes or for an hour */
  readonly cacheWrite: number;
  /** the part of cacheWrite that was written for an hour */
  readonly cacheWrite1h?: number;
}

/** Says who or what started an execution. */
export interface Trigger {
  /** page, cli, api, schedule, hook, after, retry, continue, mcp or agent; older executions also have ws */
  readonly kind: string;
  /** on whose behalf */
  readonly user: string;
  /** of a schedule that somebody had run out of turn */
  readonly manual?: boolean;
}

/** How much of something is taken. */
export interface Usage {
  readonly used: number;
  readonly total: number;
  readonly percent: number;
}

/** Who the connection belongs to. */
export interface User {
  readonly id: string;
  readonly permissions: readonly string[];
}

/** The execution was accepted. Always seq 1. */
export interface QueuedEvent {
  readonly type: "execution:queued";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly agentType: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly trigger: Trigger;
  /** the user, or the name of the API key; absent when it is trigger.user */
  readonly startedBy?: string;
  readonly tags?: readonly string[];
  readonly parent?: Relative;
  /** of a retried execution: 2 for the first retry */
  readonly attempt?: number;
  /** it waits in the queue until then */
  readonly notBefore?: string;
}

/** The agent's process runs. */
export interface StartedEvent {
  readonly type: "execution:started";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly agentType: string;
  readonly command: readonly string[];
  readonly workdir: string;
  readonly pid: number;
  readonly host: string;
  /** the worker it runs on; absent when the server runs it itself */
  readonly worker?: string;
}

/** One line of output, or something the agent's driver says. partial: no newline followed; the line goes on in that stream's next log event, or ended with the program. raw: the original bytes, only when they were not UTF-8. */
export interface LogEvent {
  readonly type: "execution:log";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly level: Level;
  readonly stream: Stream;
  readonly message: string;
  readonly partial?: boolean;
  /** base64 in JSON; only when the bytes were not UTF-8 */
  readonly raw?: string;
  readonly data?: unknown;
}

/** How far the agent says it is, in percent. */
export interface ProgressEvent {
  readonly type: "execution:progress";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  /** 0–100 */
  readonly progress: number;
  readonly message?: string;
}

/** The agent has begun, or gone on with, a session of its own. */
export interface SessionEvent {
  readonly type: "execution:session";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  /** the agent's own name of its conversation */
  readonly sessionId: string;
  /** the agent program that keeps the session, with its version */
  readonly agent: string;
}

/** What the execution has cost so far, in USD. */
export interface CostEvent {
  readonly type: "execution:cost";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly usd: number;
  readonly tokens: Tokens;
  readonly model: string;
  readonly estimated: boolean;
  /** the same by model */
  readonly models?: Readonly<Record<string, ModelCost>>;
  /** a subscription pays for it: nobody is charged this amount */
  readonly notional?: boolean;
  /** false: the agent reports no cost; absent means true */
  readonly reported?: boolean;
}

/** The agent asks before it uses a tool, or asks a question. */
export interface ApprovalEvent {
  readonly type: "execution:approval";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly requestId: string;
  readonly tool: string;
  readonly input: unknown;
  readonly expiresAt: string;
  /** absent means tool */
  readonly kind?: ApprovalKind;
  readonly title?: string;
  /** what a question can be answered with */
  readonly options?: readonly ApprovalOption[];
}

/** An approval was given. */
export interface ApprovedEvent {
  readonly type: "execution:approved";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly requestId: string;
  readonly by: string;
  /** absent means once */
  readonly scope?: ApprovalScope;
  readonly reason?: string;
  readonly via?: ApprovalVia;
  readonly tool?: string;
  readonly title?: string;
}

/** An approval was refused, or expired, or the agent withdrew it. */
export interface DeniedEvent {
  readonly type: "execution:denied";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly requestId: string;
  readonly by: string;
  /** absent means once */
  readonly scope?: ApprovalScope;
  readonly reason?: string;
  readonly via?: ApprovalVia;
  readonly tool?: string;
  readonly title?: string;
}

/** Somebody has sent text to the agent. */
export interface InputEvent {
  readonly type: "execution:input";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly text: string;
  readonly by: string;
}

/** Output past the limit (bytes) is no longer recorded. */
export interface TruncatedEvent {
  readonly type: "execution:truncated";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly droppedLines: number;
  readonly droppedBytes: number;
  /** bytes */
  readonly limit: number;
}

/** The agent ended well. Always the last event. */
export interface CompletedEvent {
  readonly type: "execution:completed";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  /** USD */
  readonly cost: number;
  readonly exitCode: number;
  readonly durationMs: number;
  readonly processesReaped: number;
  readonly result?: unknown;
  readonly artifacts?: readonly Artifact[];
  /** processes that could not be ended */
  readonly survivors?: readonly Survivor[];
}

/** The agent failed; reason says how. Always the last event. */
export interface FailedEvent {
  readonly type: "execution:failed";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly error: string;
  readonly reason: FailureReason;
  /** USD */
  readonly cost: number;
  readonly durationMs: number;
  readonly processesReaped: number;
  readonly exitCode?: number;
  readonly signal?: string;
  /** when the account's usage limit ends */
  readonly resetsAt?: string;
  readonly result?: unknown;
  readonly artifacts?: readonly Artifact[];
  /** processes that could not be ended */
  readonly survivors?: readonly Survivor[];
}

/** Somebody stopped the execution. Always the last event. */
export interface CancelledEvent {
  readonly type: "execution:cancelled";
  readonly executionId: string;
  /** 1, 2, 3 … without a hole within the execution */
  readonly seq: number;
  readonly timestamp: string;
  readonly by: string;
  /** USD */
  readonly cost: number;
  readonly durationMs: number;
  readonly processesReaped: number;
  readonly reason?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly result?: unknown;
  readonly artifacts?: readonly Artifact[];
  /** processes that could not be ended */
  readonly survivors?: readonly Survivor[];
}

/** The server's first message. */
export interface ConnectionMessage {
  readonly type: "connection";
  readonly message: string;
  readonly protocol: number;
  readonly connectionId: string;
  readonly serverTime: string;
  readonly heartbeat: Heartbeat;
  readonly limits: Limits;
  readonly user: User;
}

/** Answers a request that succeeded. */
export interface AckMessage {
  readonly type: "ack";
  readonly id?: string;
  readonly executionId?: string;
  /** execute, cancel */
  readonly status?: Status;
  /** execute */
  readonly queuePosition?: number;
  /** execute: the idempotency key was known */
  readonly existing?: boolean;
  /** search */
  readonly total?: number;
  /** search */
  readonly complete?: boolean;
}

/** Answers a request that failed. The connection lives on. */
export interface ErrorMessage {
  readonly type: "error";
  readonly id?: string;
  readonly code: ErrorCode;
  /** for a person: what, where, what to do */
  readonly message: string;
  readonly retryable: boolean;
  /** rate_limited */
  readonly retryAfterMs?: number;
  readonly details?: unknown;
}

/** The answer to agent:status. */
export interface ExecutionStatusMessage {
  readonly type: "execution:status";
  readonly id?: string;
  readonly executionId: string;
  readonly agentType: string;
  readonly status: Status;
  readonly terminal: boolean;
  /** seq of the last event known when the record was made */
  readonly head: number;
  readonly queuedAt: string;
  /** it waits in the queue until then */
  readonly notBefore?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** start to end; 0 while it runs */
  readonly durationMs?: number;
  /** 1 is next; 0 when not queued */
  readonly queuePosition?: number;
  /** 0–100 */
  readonly progress?: number;
  readonly progressMessage?: string;
  /** the agent's own name of its conversation */
  readonly sessionId?: string;
  readonly sessionAgent?: string;
  /** oldest first */
  readonly pendingApprovals?: readonly PendingApproval[];
  /** USD so far, in whole millionths */
  readonly cost: number;
  readonly costEstimated?: boolean;
  /** a subscription pays for it: nobody is charged this amount */
  readonly costNotional?: boolean;
  /** false: the agent reports no cost; absent: no event has told of cost */
  readonly costReported?: boolean;
  readonly tokens?: Tokens;
  readonly model?: string;
  /** cost and tokens by model */
  readonly models?: Readonly<Record<string, ModelCost>>;
  readonly exitCode?: number;
  readonly signal?: string;
  /** a Reason when failed, the caller's words when cancelled */
  readonly reason?: string;
  /** when the account's usage limit ends */
  readonly resetsAt?: string;
  readonly error?: string;
  readonly cancelledBy?: string;
  readonly processesReaped: number;
  /** processes that could not be ended */
  readonly survivors?: readonly Survivor[];
  readonly result?: unknown;
  readonly artifacts?: readonly Artifact[];
  /** secrets masked */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly trigger: Trigger;
  /** the user, or the name of the API key */
  readonly startedBy?: string;
  readonly tags?: readonly string[];
  /** of a retried execution: 2 for the first retry */
  readonly attempt?: number;
  readonly parent?: Relative;
  /** oldest first; only where one execution is asked for */
  readonly children?: readonly Relative[];
  readonly command?: readonly string[];
  readonly workdir?: string;
  readonly host?: string;
  /** the worker it runs on; absent when the server runs it itself */
  readonly worker?: string;
  readonly pid?: number;
  readonly droppedLines?: number;
  readonly droppedBytes?: number;
  /** why it is not started now, for people; empty when it only waits for its turn */
  readonly queueReason?: string;
  /** retention leaves it alone */
  readonly pinned?: boolean;
  /** fields too large for a list or a snapshot; GET /api/executions/{id} has them */
  readonly omitted?: readonly string[];
  /** when retention took its log lines; absent while they are kept */
  readonly logsRemovedAt?: string;
}

/** Says from where events follow, and where the journal's end is now. */
export interface LogsSubscribedMessage {
  readonly type: "logs:subscribed";
  readonly id?: string;
  readonly executionId: string;
  /** seq of the first event that follows */
  readonly from: number;
  /** seq of the last event stored now */
  readonly head: number;
}

/** Says that events From to To inclusive can't be given. */
export interface LogsGapMessage {
  readonly type: "logs:gap";
  readonly executionId: string;
  readonly from: number;
  readonly to: number;
  /** "damaged" or "retention" */
  readonly reason: "damaged" | "retention";
}

/** Carries matches as they are found; several may answer one search, then its ack. */
export interface LogsMatchesMessage {
  readonly type: "logs:matches";
  readonly id?: string;
  readonly executionId?: string;
  readonly matches: readonly SearchMatch[];
  /** counted so far */
  readonly total: number;
  /** whether Total is final */
  readonly complete: boolean;
  /** events so far that could not be searched: damaged, or no longer kept */
  readonly lost?: number;
  /** why this execution of several could not be searched; the search goes on */
  readonly error?: string;
}

/** Begins an executions subscription, and begins it anew when a reader was too slow for the lifecycle events in between. */
export interface ExecutionsSnapshotMessage {
  readonly type: "executions:snapshot";
  readonly id?: string;
  readonly executions: readonly ExecutionRecord[];
}

/** A sample of the host. Sizes are bytes, shares percent. */
export interface SystemStatusMessage {
  readonly type: "system:status";
  readonly timestamp: string;
  readonly cpu: number;
  readonly memory: Usage;
  readonly disk: DiskUsage;
  /** 1, 5 and 15 minutes */
  readonly load: readonly [number, number, number];
  readonly executions: ExecutionCounts;
}

/** Answers ping. */
export interface PongMessage {
  readonly type: "pong";
  readonly id?: string;
  readonly timestamp?: unknown;
  readonly serverTime: string;
}

/** The credential, when the upgrade carried none. Answered by connection. */
export interface AuthMessage {
  readonly type: "auth";
  /** echoed in the answer */
  readonly id?: string;
  readonly token: string;
}

/** Starts an agent. Answered by ack with executionId, then its events from seq 1. */
export interface AgentExecuteMessage {
  readonly type: "agent:execute";
  /** echoed in the answer */
  readonly id?: string;
  readonly agentType: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** beside the agent's own */
  readonly tags?: readonly string[];
  readonly idempotencyKey?: string;
  /** default true */
  readonly subscribe?: boolean;
  /** "continue" (default) or "cancel" */
  readonly onDisconnect?: "continue" | "cancel";
}

/** Stops an execution. The outcome is the event execution:cancelled. */
export interface AgentCancelMessage {
  readonly type: "agent:cancel";
  /** echoed in the answer */
  readonly id?: string;
  readonly executionId: string;
  readonly reason?: string;
}

/** Asks for an execution's record. Answered by execution:status. */
export interface AgentStatusMessage {
  readonly type: "agent:status";
  /** echoed in the answer */
  readonly id?: string;
  readonly executionId: string;
}

/** Answers an approval, or sends text to the agent. */
export interface AgentInputMessage {
  readonly type: "agent:input";
  /** echoed in the answer */
  readonly id?: string;
  readonly executionId: string;
  readonly requestId?: string;
  /** "allow" or "deny" */
  readonly decision?: "allow" | "deny";
  /** "once" (default) or "run": the same use of the tool is not asked for again */
  readonly scope?: string;
  /** for the agent's stdin; a newline is added where it does not end with one */
  readonly text?: string;
  /** ends the agent's stdin, after the text */
  readonly eof?: boolean;
}

/** Follows an execution's events after since (default 0), or from the last tail events. Answered by logs:subscribed, then events. */
export interface LogsSubscribeMessage {
  readonly type: "logs:subscribe";
  /** echoed in the answer */
  readonly id?: string;
  readonly executionId: string;
  readonly since?: number;
  readonly tail?: number;
}

/** Ends a logs subscription. */
export interface LogsUnsubscribeMessage {
  readonly type: "logs:unsubscribe";
  /** echoed in the answer */
  readonly id?: string;
  readonly executionId: string;
}

/** Follows the lifecycle events of every execution one may read. Answered by executions:snapshot. */
export interface ExecutionsSubscribeMessage {
  readonly type: "executions:subscribe";
  /** echoed in the answer */
  readonly id?: string;
  readonly agentType?: string;
  /** one or several, separated by commas */
  readonly status?: string;
}

/** Ends that subscription. */
export interface ExecutionsUnsubscribeMessage {
  readonly type: "executions:unsubscribe";
  /** echoed in the answer */
  readonly id?: string;
}

/** Asks for system:status every intervalMs. */
export interface SystemSubscribeMessage {
  readonly type: "system:subscribe";
  /** echoed in the answer */
  readonly id?: string;
  /** milliseconds */
  readonly intervalMs?: number;
}

/** Ends that subscription. */
export interface SystemUnsubscribeMessage {
  readonly type: "system:unsubscribe";
  /** echoed in the answer */
  readonly id?: string;
}

/** Searches an execution's log lines. Answered by logs:matches, several, then ack. */
export interface LogsSearchMessage {
  readonly type: "logs:search";
  /** echoed in the answer */
  readonly id?: string;
  readonly executionId: string;
  readonly query: string;
  readonly regex?: boolean;
  readonly caseSensitive?: boolean;
  readonly level?: Level;
  readonly stream?: Stream;
  /** only events after it, or before it when direction is "previous" */
  readonly from?: number;
  /** only events up to it, or down to it when direction is "previous" */
  readonly to?: number;
  /** "next" (default) or "previous" */
  readonly direction?: "next" | "previous";
  readonly limit?: number;
}

/** Measures the way there and back. Answered by pong. */
export interface PingMessage {
  readonly type: "ping";
  /** echoed in the answer */
  readonly id?: string;
  /** ping's, echoed as it came */
  readonly timestamp?: unknown;
}

/** Everything that is journaled, in the order of its seq. */
export type ExecutionEvent =
  | QueuedEvent
  | StartedEvent
  | LogEvent
  | ProgressEvent
  | SessionEvent
  | CostEvent
  | ApprovalEvent
  | ApprovedEvent
  | DeniedEvent
  | InputEvent
  | TruncatedEvent
  | CompletedEvent
  | FailedEvent
  | CancelledEvent;

/** What a server sends that is not journaled. */
export type ServerMessage =
  | ConnectionMessage
  | AckMessage
  | ErrorMessage
  | ExecutionStatusMessage
  | LogsSubscribedMessage
  | LogsGapMessage
  | LogsMatchesMessage
  | ExecutionsSnapshotMessage
  | SystemStatusMessage
  | PongMessage;

/** What a client sends. */
export type ClientMessage =
  | AuthMessage
  | AgentExecuteMessage
  | AgentCancelMessage
  | AgentStatusMessage
  | AgentInputMessage
  | LogsSubscribeMessage
  | LogsUnsubscribeMessage
  | ExecutionsSubscribeMessage
  | ExecutionsUnsubscribeMessage
  | SystemSubscribeMessage
  | SystemUnsubscribeMessage
  | LogsSearchMessage
  | PingMessage;

/** The types of the events that end an execution, and the status in which each leaves it. */
export const endings = {
  "execution:completed": "completed",
  "execution:failed": "failed",
  "execution:cancelled": "cancelled",
} as const satisfies Readonly<Record<string, Status>>;

/**
 * The fields of what a server sends and what they hold: `s` string, `n` number, `b` boolean, `a` array,
 * `o` object, `x` anything, or the name of another shape (`[]` after it: an array of those); `?` at the
 * end when the field may be missing. Types stand under their name on the wire.
 */
export const shapes: Readonly<Record<string, string>> = {
  "execution:queued": "executionId:s seq:n timestamp:s agentType:s config:o trigger:Trigger startedBy:s? tags:a? parent:Relative? attempt:n? notBefore:s?",
  "execution:started": "executionId:s seq:n timestamp:s agentType:s command:a workdir:s pid:n host:s worker:s?",
  "execution:log": "executionId:s seq:n timestamp:s level:s stream:s message:s partial:b? raw:s? data:x?",
  "execution:progress": "executionId:s seq:n timestamp:s progress:n message:s?",
  "execution:session": "executionId:s seq:n timestamp:s sessionId:s agent:s",
  "execution:cost": "executionId:s seq:n timestamp:s usd:n tokens:Tokens model:s estimated:b models:o? notional:b? reported:b?",
  "execution:approval": "executionId:s seq:n timestamp:s requestId:s tool:s input:x expiresAt:s kind:s? title:s? options:ApprovalOption[]?",
  "execution:approved": "executionId:s seq:n timestamp:s requestId:s by:s scope:s? reason:s? via:s? tool:s? title:s?",
  "execution:denied": "executionId:s seq:n timestamp:s requestId:s by:s scope:s? reason:s? via:s? tool:s? title:s?",
  "execution:input": "executionId:s seq:n timestamp:s text:s by:s",
  "execution:truncated": "executionId:s seq:n timestamp:s droppedLines:n droppedBytes:n limit:n",
  "execution:completed": "executionId:s seq:n timestamp:s cost:n exitCode:n durationMs:n processesReaped:n result:x? artifacts:Artifact[]? survivors:Survivor[]?",
  "execution:failed": "executionId:s seq:n timestamp:s error:s reason:s cost:n durationMs:n processesReaped:n exitCode:n? signal:s? resetsAt:s? result:x? artifacts:Artifact[]? survivors:Survivor[]?",
  "execution:cancelled": "executionId:s seq:n timestamp:s by:s cost:n durationMs:n processesReaped:n reason:s? exitCode:n? signal:s? result:x? artifacts:Artifact[]? survivors:Survivor[]?",
  "connection": "message:s protocol:n connectionId:s serverTime:s heartbeat:Heartbeat limits:Limits user:User",
  "ack": "id:s? executionId:s? status:s? queuePosition:n? existing:b? total:n? complete:b?",
  "error": "id:s? code:s message:s retryable:b retryAfterMs:n? details:x?",
  "execution:status": "id:s? executionId:s agentType:s status:s terminal:b head:n queuedAt:s notBefore:s? startedAt:s? endedAt:s? durationMs:n? queuePosition:n? progress:n? progressMessage:s? sessionId:s? sessionAgent:s? pendingApprovals:PendingApproval[]? cost:n costEstimated:b? costNotional:b? costReported:b? tokens:Tokens? model:s? models:o? exitCode:n? signal:s? reason:s? resetsAt:s? error:s? cancelledBy:s? processesReaped:n survivors:Survivor[]? result:x? artifacts:Artifact[]? config:o? trigger:Trigger startedBy:s? tags:a? attempt:n? parent:Relative? children:Relative[]? command:a? workdir:s? host:s? worker:s? pid:n? droppedLines:n? droppedBytes:n? queueReason:s? pinned:b? omitted:a? logsRemovedAt:s?",
  "logs:subscribed": "id:s? executionId:s from:n head:n",
  "logs:gap": "executionId:s from:n to:n reason:s",
  "logs:matches": "id:s? executionId:s? matches:SearchMatch[] total:n complete:b lost:n? error:s?",
  "executions:snapshot": "id:s? executions:ExecutionRecord[]",
  "system:status": "timestamp:s cpu:n memory:Usage disk:DiskUsage load:a executions:ExecutionCounts",
  "pong": "id:s? timestamp:x? serverTime:s",
  "ApprovalOption": "label:s description:s?",
  "Artifact": "path:s size:n modifiedAt:s",
  "Cursor": "executionId:s seq:n",
  "DiskUsage": "path:s used:n total:n percent:n state:s? free:n? lowMark:n? condition:s?",
  "ExecutionCounts": "queued:n running:n",
  "ExecutionRecord": "executionId:s agentType:s status:s terminal:b head:n queuedAt:s notBefore:s? startedAt:s? endedAt:s? durationMs:n? queuePosition:n? progress:n? progressMessage:s? sessionId:s? sessionAgent:s? pendingApprovals:PendingApproval[]? cost:n costEstimated:b? costNotional:b? costReported:b? tokens:Tokens? model:s? models:o? exitCode:n? signal:s? reason:s? resetsAt:s? error:s? cancelledBy:s? processesReaped:n survivors:Survivor[]? result:x? artifacts:Artifact[]? config:o? trigger:Trigger startedBy:s? tags:a? attempt:n? parent:Relative? children:Relative[]? command:a? workdir:s? host:s? worker:s? pid:n? droppedLines:n? droppedBytes:n? queueReason:s? pinned:b? omitted:a? logsRemovedAt:s?",
  "Heartbeat": "intervalMs:n timeoutMs:n",
  "Limits": "maxMessageBytes:n messagesPerSecond:n messageBurst:n userMessagesPerSecond:n maxSubscriptions:n maxConnectionsPerUser:n maxConnections:n maxQueuedExecutions:n handshakeTimeoutMs:n authTimeoutMs:n disconnectGraceMs:n minSystemIntervalMs:n defaultSystemIntervalMs:n",
  "ModelCost": "usd:n tokens:Tokens",
  "PendingApproval": "requestId:s seq:n askedAt:s expiresAt:s? kind:s title:s? tool:s? input:x? options:ApprovalOption[]?",
  "Relative": "executionId:s why:s",
  "SearchMatch": "executionId:s? seq:n ranges:a timestamp:s? level:s? stream:s? message:s?",
  "Survivor": "pid:n command:s",
  "Tokens": "input:n output:n cacheRead:n cacheWrite:n cacheWrite1h:n?",
  "Trigger": "kind:s user:s manual:b?",
  "Usage": "used:n total:n percent:n",
  "User": "id:s permissions:a",
};
