import type { ExecutionRecord } from "@claudeops/client";
import {
  describeEvent,
  Elapsed,
  formatPlural,
  formatRowTime,
  formatUsd,
  type LogEvent,
  renderText,
  StatusBadge,
  StopButton,
  useLogStream,
} from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { sayError } from "../lib/toasts.ts";
import { summaryOf } from "../lib/words.ts";

export interface RunningCardProps {
  readonly record: ExecutionRecord;
  /** Show its last lines, live. */
  readonly tail: boolean;
}

/** Something that runs: since when, how far, its last lines, and Stop. */
export function RunningCard({ record, tail }: RunningCardProps): ReactNode {
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
          {tail && !queued ? <Doing record={record} /> : summaryOf(record)}
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
      {tail && !queued && <Tail executionId={record.executionId} />}
    </article>
  );
}

function Doing({ record }: { record: ExecutionRecord }): ReactNode {
  const { total } = useLogStream(record.executionId, { tail: 0 });
  const cost = record.cost > 0 ? `${formatUsd(record.cost)}${record.costEstimated ? " est." : ""}` : "";
  return [summaryOf(record), total > 0 ? formatPlural(total, "line") : "", cost].filter(Boolean).join(" · ");
}

const SHOWN = 5;

function Tail({ executionId }: { executionId: string }): ReactNode {
  const { tail, opening } = useLogStream(executionId, { tail: 40 });
  const lines = tail.filter(worthShowing).slice(-SHOWN);
  if (opening || lines.length === 0) {
    return (
      <p className="border-t border-line bg-sunken px-3.5 py-1.5 text-ink-3">
        {opening ? "Opening…" : "No output yet"}
      </p>
    );
  }
  return (
    <div
      className="border-t border-line bg-sunken py-1.5 font-mono text-[12.5px] leading-5 overflow-hidden"
      aria-hidden="true"
    >
      {lines.map((event) => (
        <div
          key={event.seq}
          data-level={event.level}
          className="grid sm:grid-cols-[96px_minmax(0,1fr)] gap-3 px-3.5 data-[level=warn]:bg-[color-mix(in_oklch,var(--cops-warning)_9%,transparent)] data-[level=error]:bg-[color-mix(in_oklch,var(--cops-failed)_10%,transparent)]"
        >
          <span className="hidden sm:block text-ink-3">
            {formatRowTime(Date.parse(event.timestamp), "local", 0)}
          </span>
          <span className={`truncate whitespace-pre ${event.stream === "agent" ? "text-ink-2" : ""}`}>
            {wordsOf(event)}
          </span>
        </div>
      ))}
    </div>
  );
}

function worthShowing(event: LogEvent): boolean {
  return event.type === "execution:log"
    ? (event.message ?? "").trim() !== ""
    : event.type === "execution:started" || event.type === "execution:truncated";
}

/** Characters of a line drawn: far more than fit. */
const DRAWN = 400;

function wordsOf(event: LogEvent): ReactNode {
  if (event.type !== "execution:log") return describeEvent(event)?.text ?? "";
  const message = event.message ?? "";
  const last = message.replace(/\r+$/, "").lastIndexOf("\r");
  let shown = last === -1 ? message : message.slice(last + 1);
  if (shown.length > DRAWN) {
    shown = shown.slice(0, DRAWN);
    // Half an escape would be drawn as text.
    const begun = shown.lastIndexOf("\x1b");
    if (begun > DRAWN - 40) shown = shown.slice(0, begun);
  }
  return renderText(shown, null, false);
}
