import { describeEvent, formatRowTime, type LogEvent, renderText, useLogStream } from "@claudeops/react";
import type { ReactNode } from "react";

/** The last lines of a run, live. */
export default function LiveTail({
  executionId,
  lines: shown,
}: {
  readonly executionId: string;
  readonly lines: number;
}): ReactNode {
  const { tail, opening } = useLogStream(executionId, { tail: 40 });
  const lines = tail.filter(worthShowing).slice(-shown);
  if (opening || lines.length === 0) {
    return <p className="px-3.5 leading-5 text-ink-3">{opening ? "Opening…" : "No output yet"}</p>;
  }
  return (
    <div className="font-mono text-[12.5px] leading-5" aria-hidden="true">
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
/** Characters of a line read: of a long one that rewrote itself, its end is what it came to. */
const READ = 8192;

function wordsOf(event: LogEvent): ReactNode {
  if (event.type !== "execution:log") return describeEvent(event)?.text ?? "";
  return renderText((event.message ?? "").slice(-READ), null, false, DRAWN);
}
