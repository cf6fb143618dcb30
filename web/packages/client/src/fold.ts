import { type ExecutionRecord, endings, type PendingApproval } from "./protocol.gen.js";
import type { LifecycleEvent, TerminalEvent, WatchedEvent } from "./watch.js";

/** Reports whether an event of that type ends its execution. */
export function isTerminalType(type: string): type is TerminalEvent["type"] {
  return Object.hasOwn(endings, type);
}

/** Reports whether an event is one of the three that end an execution. */
export function isTerminal(event: { readonly type: string }): event is TerminalEvent {
  return isTerminalType(event.type);
}

/** The record of an execution of which nothing is known yet. */
export function emptyRecord(executionId: string): ExecutionRecord {
  return {
    executionId,
    agentType: "",
    status: "queued",
    terminal: false,
    head: 0,
    queuedAt: "0001-01-01T00:00:00Z",
    cost: 0,
    processesReaped: 0,
    trigger: { kind: "", user: "" },
  };
}

/**
 * Folds one event into an execution's record, as the server does (`Record.Apply` of Go's package
 * protocol; the cases both agree on are in protocol/testdata/folds). An event that the record has
 * seen is ignored, and of what follows the last event only its seq is taken. The record given is
 * never changed. Gives null for an execution that is not known and whose beginning this event is not.
 */
export function applyEvent(
  record: ExecutionRecord | undefined,
  event: LifecycleEvent | WatchedEvent,
): ExecutionRecord | null {
  if (!record) {
    return event.type === "execution:queued" ? applyEvent(emptyRecord(event.executionId), event) : null;
  }
  if (event.seq <= record.head) return record;
  const next: Mutable<ExecutionRecord> = { ...record, head: event.seq };
  if (!record.terminal) fold(next, event);
  return next;
}

function fold(next: Mutable<ExecutionRecord>, event: LifecycleEvent | WatchedEvent): void {
  switch (event.type) {
    case "execution:queued":
      next.agentType = event.agentType;
      next.queuedAt = event.timestamp;
      next.trigger = event.trigger;
      setGiven(next, "config", event.config);
      set(next, "startedBy", event.startedBy || event.trigger.user);
      set(next, "tags", event.tags);
      set(next, "parent", event.parent);
      set(next, "attempt", event.attempt);
      set(next, "notBefore", event.notBefore);
      break;
    case "execution:started":
      if (next.status === "queued") next.status = "running";
      if (next.agentType === "") next.agentType = event.agentType;
      next.startedAt = event.timestamp;
      set(next, "command", event.command);
      set(next, "workdir", event.workdir);
      set(next, "pid", event.pid);
      set(next, "host", event.host);
      set(next, "worker", event.worker);
      leaveQueue(next);
      break;
    case "execution:progress":
      next.progress = event.progress;
      set(next, "progressMessage", event.message);
      break;
    case "execution:session":
      set(next, "sessionId", event.sessionId);
      set(next, "sessionAgent", event.agent);
      break;
    case "execution:cost":
      next.costReported = event.reported !== false;
      next.cost = wholeMicros(event.usd);
      set(next, "tokens", event.tokens);
      set(next, "model", event.model);
      set(next, "models", isEmpty(event.models) ? undefined : event.models);
      set(next, "costEstimated", event.estimated);
      set(next, "costNotional", event.notional);
      break;
    case "execution:approval": {
      const { requestId, seq, timestamp, expiresAt, title, tool, input, options } = event;
      const asked: Mutable<PendingApproval> = {
        requestId,
        seq,
        askedAt: timestamp,
        kind: event.kind ?? "tool",
      };
      set(asked, "expiresAt", expiresAt);
      set(asked, "title", title);
      set(asked, "tool", tool);
      setGiven(asked, "input", input);
      set(asked, "options", options);
      next.pendingApprovals = [...pendingBut(next, requestId), asked];
      break;
    }
    case "execution:approved":
    case "execution:denied":
      set(next, "pendingApprovals", pendingBut(next, event.requestId));
      break;
    case "execution:truncated":
      set(next, "droppedLines", event.droppedLines);
      set(next, "droppedBytes", event.droppedBytes);
      break;
    default:
      if (isTerminal(event)) end(next, event);
  }
}

function end(next: Mutable<ExecutionRecord>, event: TerminalEvent): void {
  next.status = endings[event.type];
  next.terminal = true;
  next.endedAt = event.timestamp;
  leaveQueue(next);
  delete next.pendingApprovals;
  setGiven(next, "result", event.result);
  set(next, "artifacts", event.artifacts);
  set(next, "survivors", event.survivors);
  set(next, "error", "error" in event ? event.error : undefined);
  set(next, "cancelledBy", "by" in event ? event.by : undefined);
  set(next, "reason", "reason" in event ? event.reason : undefined);
  set(next, "resetsAt", "resetsAt" in event ? event.resetsAt : undefined);
  set(next, "signal", "signal" in event ? event.signal : undefined);
  setGiven(next, "exitCode", event.exitCode);
  // An estimate that is repeated stays one; another amount is the agent's own last word.
  const cost = wholeMicros(event.cost);
  if (cost !== next.cost) {
    next.cost = cost;
    delete next.costEstimated;
  }
  set(next, "durationMs", event.durationMs);
  next.processesReaped = event.processesReaped;
}

function leaveQueue(next: Mutable<ExecutionRecord>): void {
  delete next.notBefore;
  delete next.queuePosition;
  delete next.queueReason;
}

function pendingBut(record: ExecutionRecord, requestId: string): PendingApproval[] {
  return (record.pendingApprovals ?? []).filter((pending) => pending.requestId !== requestId);
}

/** An amount in USD, in whole millionths: what records hold. */
function wholeMicros(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}

function isEmpty(map: object | undefined): boolean {
  return map === undefined || Object.keys(map).length === 0;
}

/** Sets an optional field, or takes it away where the server would not write it: it is empty. */
function set<T extends object, K extends OptionalKeys<T>>(into: T, key: K, value: T[K] | undefined): void {
  setGiven(into, key, !value || (Array.isArray(value) && value.length === 0) ? undefined : value);
}

/** Sets an optional field that holds anything: only what was not given is taken away. */
function setGiven<T extends object, K extends OptionalKeys<T>>(
  into: T,
  key: K,
  value: T[K] | undefined,
): void {
  if (value === undefined) delete into[key];
  else into[key] = value;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];
