"use client";

import type { ExecutionRecord } from "@claudeops/client";
import { formatClock, formatDuration } from "@claudeops/model";
import { type ReactNode, useState } from "react";
import { useHub } from "../context.js";
import { useConnection } from "../hooks/use-connection.js";
import { useExecution } from "../hooks/use-execution.js";
import { useNow } from "../hooks/use-now.js";
import { StatusBadge } from "./status-badge.js";

/** How long an execution has run, live: `2:14`; nothing while it waits. */
export function Elapsed({ record }: { readonly record: ExecutionRecord }): ReactNode {
  const running = !record.terminal && record.startedAt !== undefined;
  const now = useNow(running);
  if (record.terminal) return record.durationMs === undefined ? null : formatDuration(record.durationMs);
  if (record.startedAt === undefined || now === 0) return null;
  return formatClock(now - Date.parse(record.startedAt));
}

export interface StopButtonProps {
  readonly record: ExecutionRecord;
  readonly className?: string;
  /** Instead of `Stop`. */
  readonly children?: ReactNode;
  /** Called when the server refuses. Without it the button says so itself. */
  readonly onError?: (error: Error) => void;
}

/** Stops an execution with one press; says at once that it is stopping. Nothing once it has ended. */
export function StopButton({ record, className, children, onError }: StopButtonProps): ReactNode {
  const hub = useHub();
  const { status } = useConnection();
  const [failure, setFailure] = useState<Error | null>(null);
  if (record.terminal) return null;
  const stopping = record.status === "cancelling";
  const unsent = stopping && status !== "open" && hub.isCancelPending(record.executionId);
  return (
    <>
      <button
        type="button"
        className={`cops-button cops-stop${className ? ` ${className}` : ""}`}
        disabled={stopping}
        title={
          unsent ? "Not sent yet: there is no connection. It is sent as soon as there is one." : undefined
        }
        onClick={() => {
          setFailure(null);
          hub.cancel(record.executionId).catch((cause: unknown) => {
            const error = cause instanceof Error ? cause : new Error(String(cause));
            if (onError) onError(error);
            else setFailure(error);
          });
        }}
      >
        {unsent ? "Not sent yet" : stopping ? "Stopping…" : (children ?? "Stop")}
      </button>
      {failure && (
        <span className="cops-error" role="alert">
          {failure.message}
        </span>
      )}
    </>
  );
}

export interface ExecutionControlProps {
  readonly executionId: string;
  readonly className?: string;
}

/** An execution's state, how long it runs, and Stop. */
export function ExecutionControl({ executionId, className }: ExecutionControlProps): ReactNode {
  const { record, loading, error } = useExecution(executionId);
  const [failure, setFailure] = useState<Error | null>(null);
  if (!record) {
    return (
      <span className={`cops-control${className ? ` ${className}` : ""}`}>
        {loading ? "Loading…" : (error?.message ?? "No such execution")}
      </span>
    );
  }
  return (
    <span className={`cops-control${className ? ` ${className}` : ""}`}>
      <StatusBadge status={record.status} />
      <span className="cops-dim">
        <Elapsed record={record} />
      </span>
      {record.status === "queued" && record.queuePosition ? (
        <span className="cops-dim">{record.queuePosition}. in the queue</span>
      ) : null}
      <StopButton record={record} onError={setFailure} />
      {failure && (
        <span className="cops-error" role="alert">
          {failure.message}
        </span>
      )}
    </span>
  );
}
