import type { ExecutionRecord } from "@claudeops/client";
import { formatDuration, formatPlural, formatUsd } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { trendOf } from "../lib/trend.ts";
import { toneOf } from "../lib/words.ts";

const HEIGHT = 72;

/** How an agent's last runs went: how long each took, which failed, what they cost. */
export function Trends({ records }: { readonly records: readonly ExecutionRecord[] }): ReactNode {
  const ended = records.filter((record) => record.terminal);
  if (ended.length < 2) return null;
  const { medianMs, slowestMs, failed, costUsd } = trendOf(ended);
  return (
    <section aria-labelledby="trends">
      <div className="head-row">
        <h2 id="trends">Trend of {formatPlural(ended.length, "run")}</h2>
        <span className="ml-auto text-ink-2 text-[12px]">
          {[
            `half within ${formatDuration(medianMs)}`,
            `${formatDuration(slowestMs)} at most`,
            failed > 0 ? `${failed} failed` : "none failed",
            costUsd > 0 ? formatUsd(costUsd) : "",
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </div>
      <div className="box px-3 py-2 flex items-end gap-[3px]" style={{ height: HEIGHT }}>
        {[...ended].reverse().map((record) => (
          <Link
            key={record.executionId}
            to="/executions/$id"
            params={{ id: record.executionId }}
            className="flex-1 max-w-5 min-w-1 h-full flex flex-col justify-end hover:bg-hover"
            title={`${toneOf(record)}, ${formatDuration(record.durationMs ?? 0)}`}
            aria-label={`${toneOf(record)}, ${formatDuration(record.durationMs ?? 0)}`}
          >
            <span
              className={`block rounded-t-[2px] ${BARS[record.status] ?? "bg-accent"}`}
              style={{ height: `${Math.max(4, ((record.durationMs ?? 0) / Math.max(1, slowestMs)) * 100)}%` }}
            />
          </Link>
        ))}
      </div>
    </section>
  );
}

const BARS: Readonly<Record<string, string>> = {
  completed: "bg-accent",
  failed: "bg-failed",
  cancelled: "bg-strong",
};
