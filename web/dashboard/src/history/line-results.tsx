import type { ExecutionRecord, SearchMatch } from "@claudeops/client";
import {
  formatCount,
  formatInstant,
  formatPlural,
  formatWhen,
  StatusBadge,
  useExecutions,
  useHub,
} from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo, type ReactNode, useState } from "react";
import { toneOf } from "../lib/words.ts";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { LINES_AT_MOST, type LineSearch, type RunMatches } from "./line-search.ts";

/** Lines of one run shown before one asks for the rest. */
const FIRST = 5;
/** Runs shown at first, and with every "More". */
const RUNS = 40;

/** Lines found in many runs, run by run; each leads to its place in the log. */
export function LineResults({ search }: { readonly search: LineSearch & { stop(): void } }): ReactNode {
  const [most, setMost] = useState(RUNS);
  if (search.status === "idle") {
    return (
      <Notice title="Look into every log">
        <p>
          Type a word or a regular expression: it is looked for in every line of every run, the newest first.
        </p>
      </Notice>
    );
  }
  const empty = search.runs.length === 0;
  return (
    <>
      <div className="flex items-center gap-3 min-h-8">
        <p className="text-ink-2" role="status">
          {words(search)}
        </p>
        {search.status === "searching" && (
          <button type="button" className="cops-button ml-auto" onClick={search.stop}>
            Stop looking
          </button>
        )}
      </div>
      {search.status === "failed" ? (
        <Notice title="The search ended early" tone="failed">
          <p>{search.error}</p>
        </Notice>
      ) : empty && search.status === "searching" ? (
        <Placeholder rows={6} />
      ) : empty ? (
        <Notice title={search.status === "stopped" ? "Nothing found until then" : "No lines match"}>
          <p>Take a filter away, look at a longer time, or ignore the case of letters.</p>
        </Notice>
      ) : null}
      {search.runs.slice(0, most).map((run) => (
        <Run key={run.executionId} run={run} count={run.matches.length} />
      ))}
      {search.runs.length > most && (
        <button
          type="button"
          className="cops-button justify-self-center"
          onClick={() => setMost(most + RUNS)}
        >
          {formatPlural(search.runs.length - most, "more run")}
        </button>
      )}
    </>
  );
}

function words({ status, runs, shown, total, lost, unread }: LineSearch): string {
  const found = `${formatPlural(total, "line")} in ${formatPlural(runs.length, "run")}${
    total > shown && shown >= LINES_AT_MOST ? ` or more, the first ${formatCount(shown)} shown` : ""
  }`;
  const gaps = [
    lost > 0 ? `${formatPlural(lost, "event")} could not be searched` : "",
    unread > 0 ? `${formatPlural(unread, "run")} could not be read` : "",
  ];
  const begin =
    status === "searching"
      ? total > 0
        ? `Looking… ${found}`
        : "Looking…"
      : status === "stopped"
        ? `Stopped: ${found}`
        : status === "failed"
          ? total > 0
            ? found
            : ""
          : total > 0
            ? found
            : "";
  return [begin, ...gaps].filter(Boolean).join(" · ");
}

/** `count` tells a run to which more lines have come. */
const Run = memo(
  function Run({ run }: { readonly run: RunMatches; readonly count: number }): ReactNode {
    const [all, setAll] = useState(false);
    const record = useRecord(run.executionId);
    const now = useHub().serverNow();
    const lines = all ? run.matches : run.matches.slice(0, FIRST);
    const rest = run.matches.length - lines.length;
    return (
      <article className="box overflow-hidden" data-row aria-label={record?.agentType ?? run.executionId}>
        <header className="flex items-center gap-3 px-3.5 py-2">
          {record && <StatusBadge status={toneOf(record)} />}
          <Link
            to="/executions/$id"
            params={{ id: run.executionId }}
            hash={`L${run.matches[0]?.seq ?? 1}`}
            className="font-semibold truncate hover:underline"
            data-open
          >
            {record?.agentType ?? run.executionId}
          </Link>
          <span className="ml-auto flex-none text-ink-2">{formatPlural(run.matches.length, "line")}</span>
          {record && (
            <time
              className="flex-none text-ink-3"
              dateTime={record.queuedAt}
              title={formatInstant(Date.parse(record.queuedAt))}
            >
              {formatWhen(Date.parse(record.queuedAt), now)}
            </time>
          )}
        </header>
        <div className="border-t border-line bg-sunken py-1.5 font-mono text-[12.5px] leading-5">
          {lines.map((match) => (
            <Line key={match.seq} executionId={run.executionId} match={match} />
          ))}
          {rest > 0 && (
            <button
              type="button"
              className="link px-3.5 pt-0.5 font-sans text-[13px] font-[550]"
              onClick={() => setAll(true)}
            >
              {formatPlural(rest, "more line")}
            </button>
          )}
        </div>
      </article>
    );
  },
  (a, b) => a.run.executionId === b.run.executionId && a.count === b.count,
);

function Line({ executionId, match }: { executionId: string; match: SearchMatch }): ReactNode {
  return (
    <Link
      to="/executions/$id"
      params={{ id: executionId }}
      hash={`L${match.seq}`}
      data-level={match.level}
      className="grid grid-cols-[6ch_minmax(0,1fr)] gap-3 px-3.5 hover:bg-hover data-[level=warn]:bg-[color-mix(in_oklch,var(--cops-warning)_9%,transparent)] data-[level=error]:bg-[color-mix(in_oklch,var(--cops-failed)_10%,transparent)]"
    >
      <span className="text-right text-ink-2">{formatCount(match.seq)}</span>
      <span className="truncate whitespace-pre">{marked(match)}</span>
    </Link>
  );
}

/** Text before the first hit, and after it. */
const BEFORE = 48;
const AFTER = 400;

/** A line around its first hit, hits marked. */
function marked({ message = "", ranges }: SearchMatch): ReactNode[] {
  const start = Math.max(0, (ranges[0]?.[0] ?? 0) - BEFORE);
  const end = Math.min(message.length, (ranges[0]?.[0] ?? 0) + AFTER);
  const nodes: ReactNode[] = start > 0 ? ["…"] : [];
  let at = start;
  for (const [from, to] of ranges) {
    if (from >= end) break;
    if (from > at) nodes.push(message.slice(at, from));
    nodes.push(
      <mark key={from} className="rounded-[2px] bg-[var(--cops-mark)] text-inherit">
        {message.slice(from, Math.min(to, end))}
      </mark>,
    );
    at = Math.min(to, end);
  }
  if (at < end) nodes.push(message.slice(at, end));
  if (end < message.length) nodes.push("…");
  return nodes;
}

/** A run's record: what the page holds, else asked for once. */
function useRecord(executionId: string): ExecutionRecord | undefined {
  const { records } = useExecutions();
  const { api } = useHub();
  const live = records.get(executionId);
  const asked = useQuery({
    queryKey: ["execution", executionId],
    queryFn: ({ signal }) => api.executions.get(executionId, { signal }),
    enabled: live === undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return live ?? asked.data;
}
