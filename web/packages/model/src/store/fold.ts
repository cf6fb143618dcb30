import type { ExecutionRecord, LifecycleEvent, WatchedEvent } from "@claudeops/client";

/**
 * Folds one event into an execution's record, as the server does. Events the record has seen are
 * ignored, so hearing a part twice does no harm. Gives null for an execution that is not known and
 * whose beginning this event is not.
 */
export function applyEvent(
  record: ExecutionRecord | undefined,
  event: LifecycleEvent | WatchedEvent,
): ExecutionRecord | null {
  if (event.type === "execution:queued") {
    if (record) return record;
    return {
      executionId: event.executionId,
      agentType: event.agentType,
      status: "queued",
      terminal: false,
      head: event.seq,
      queuedAt: event.timestamp,
      config: event.config as ExecutionRecord["config"] & {},
      trigger: event.trigger,
      cost: 0,
      processesReaped: 0,
    };
  }
  if (!record) return null;
  if (event.seq <= record.head) return record;
  const next: Mutable<ExecutionRecord> = { ...record, head: event.seq };
  switch (event.type) {
    case "execution:started":
      if (next.status === "queued") next.status = "running";
      next.startedAt = event.timestamp;
      next.command = event.command;
      next.workdir = event.workdir;
      next.pid = event.pid;
      next.host = event.host;
      next.queuePosition = 0;
      delete next.queueReason;
      break;
    case "execution:progress":
      next.progress = event.progress;
      next.progressMessage = event.message ?? "";
      break;
    case "execution:cost":
      next.cost = event.usd;
      next.tokens = event.tokens;
      next.model = event.model;
      next.costEstimated = event.estimated;
      break;
    case "execution:truncated":
      next.droppedLines = event.droppedLines;
      next.droppedBytes = event.droppedBytes;
      break;
    case "execution:completed":
    case "execution:failed":
    case "execution:cancelled": {
      next.status =
        event.type === "execution:completed"
          ? "completed"
          : event.type === "execution:failed"
            ? "failed"
            : "cancelled";
      next.terminal = true;
      next.endedAt = event.timestamp;
      next.queuePosition = 0;
      delete next.queueReason;
      next.durationMs = event.durationMs;
      next.processesReaped = event.processesReaped;
      next.cost = event.cost;
      next.costEstimated = false;
      if (event.exitCode !== undefined) next.exitCode = event.exitCode;
      if (event.type !== "execution:completed") {
        if (event.signal !== undefined) next.signal = event.signal;
        if (event.reason !== undefined) next.reason = event.reason;
      }
      if (event.type === "execution:failed") next.error = event.error;
      if (event.type === "execution:cancelled") next.cancelledBy = event.by;
      if (event.result !== undefined) next.result = event.result;
      break;
    }
  }
  return next;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
