import type { ExecutionRecord } from "@claudeops/client";
import { Elapsed, formatPlural, formatUsd, StatusBadge, StopButton, useLogStream } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { part } from "../lib/part.tsx";
import { sayError } from "../lib/toasts.ts";
import { summaryOf } from "../lib/words.ts";

const LiveTail = part(() => import("./live-tail.tsx"), { name: "The last lines" });

export interface RunningCardProps {
  readonly record: ExecutionRecord;
  /** How many of its last lines are shown, live. */
  readonly lines: number;
}

/** Something that runs: since when, how far, its last lines, and Stop. */
export function RunningCard({ record, lines }: RunningCardProps): ReactNode {
  const queued = record.status === "queued";
  return (
    <article className="box overflow-hidden" data-row aria-label={`${record.agentType}, ${record.status}`}>
      <header className="grid grid-cols-[auto_minmax(0,1fr)_auto] sm:grid-cols-[auto_auto_minmax(0,1fr)_auto_auto] items-center gap-x-3 gap-y-1 py-2 pr-2 pl-3.5">
        <StatusBadge status={record.status}>{queued ? "queued" : <Elapsed record={record} />}</StatusBadge>
        <Link
          to="/executions/$id"
          params={{ id: record.executionId }}
          className="font-semibold truncate hover:underline"
          data-open
        >
          {record.agentType}
        </Link>
        <span className="col-span-full row-start-2 sm:col-auto sm:row-auto text-ink-2 truncate">
          {queued ? summaryOf(record) : <Doing record={record} />}
        </span>
        <Link
          to="/executions/$id"
          params={{ id: record.executionId }}
          className="cops-button hidden sm:inline-flex"
        >
          Open
        </Link>
        <StopButton record={record} onError={sayError} />
      </header>
      <div className="h-0.5 bg-sunken" role="presentation">
        {record.progress !== undefined && (
          <div className="h-full bg-accent" style={{ width: `${Math.min(100, record.progress)}%` }} />
        )}
      </div>
      {!queued && (
        // The place of its lines is kept: what is below moves when a run begins or ends, and not with its output.
        <div
          className="border-t border-line bg-sunken py-1.5 overflow-hidden"
          style={{ height: `${lines * 20 + 13}px` }}
        >
          <LiveTail executionId={record.executionId} lines={lines} />
        </div>
      )}
    </article>
  );
}

function Doing({ record }: { record: ExecutionRecord }): ReactNode {
  const { total } = useLogStream(record.executionId, { tail: 0 });
  const cost = record.cost > 0 ? `${formatUsd(record.cost)}${record.costEstimated ? " est." : ""}` : "";
  return [summaryOf(record), total > 0 ? formatPlural(total, "line") : "", cost].filter(Boolean).join(" · ");
}
