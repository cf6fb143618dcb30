import type { ExecutionRecord, Level, Status } from "@claudeops/client";
import { formatPlural, useExecutions, useHub } from "@claudeops/react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { type LineQuery, useLineSearch } from "../lib/line-search.ts";
import { useAgents } from "../lib/queries.ts";
import { useTitle } from "../lib/title.ts";
import { say, sayError } from "../lib/toasts.ts";
import { Confirm } from "../parts/confirm.tsx";
import { LineResults } from "../parts/line-results.tsx";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { RecordsTable } from "../parts/records-table.tsx";
import type { HistorySearch } from "../router.tsx";

const PAGE = 50;

const SPANS: readonly (readonly [string, string, number])[] = [
  ["1h", "Last hour", 3_600_000],
  ["24h", "Last 24 h", 86_400_000],
  ["7d", "Last 7 days", 604_800_000],
  ["30d", "Last 30 days", 2_592_000_000],
];

const LEVELS: readonly (readonly [string, string])[] = [
  ["warn", "Warnings and errors"],
  ["error", "Errors"],
];

const STATES: readonly Status[] = ["queued", "running", "completed", "failed", "cancelled"];

/** Every execution there is, by state, agent, time and words; the address says which. */
export default function History(): ReactNode {
  useTitle("History");
  const hub = useHub();
  const { api } = hub;
  const search = useSearch({ from: "/executions" });
  const navigate = useNavigate();
  const agents = useAgents();
  const { records: live, all } = useExecutions();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [choosing, setChoosing] = useState(false);
  const [asking, setAsking] = useState(false);
  const inLines = search.in === "lines";
  const lines = useLineSearch(inLines ? lineQuery(search) : null);

  const page = useInfiniteQuery({
    queryKey: ["executions", search],
    enabled: !inLines,
    queryFn: ({ pageParam, signal }) => {
      const span = SPANS.find(([key]) => key === search.since)?.[2];
      return api.executions.list(
        {
          limit: PAGE,
          ...(search.status ? { status: statusesOf(search.status) } : {}),
          ...(search.agent ? { agentType: search.agent } : {}),
          ...(search.q ? { q: search.q } : {}),
          ...(span ? { since: new Date(Date.now() - span) } : {}),
          ...(pageParam ? { cursor: pageParam } : {}),
        },
        { signal },
      );
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });

  // Something began or ended: the first page may look different.
  const newest = all[0]?.executionId;
  const { refetch } = page;
  useEffect(() => {
    if (newest && !inLines) void refetch();
  }, [newest, inLines, refetch]);

  const shown = useMemo(() => {
    const listed = (page.data?.pages ?? []).flatMap((part) => part.executions);
    // What the feed knows is newer than what was listed, but that somebody pinned one that has ended is
    // no event.
    return listed.map((record) => {
      const newer = live.get(record.executionId);
      return newer && newer.head >= record.head && !record.terminal ? newer : record;
    });
  }, [page.data, live]);

  const set = (change: { [K in keyof HistorySearch]?: HistorySearch[K] | undefined }) =>
    void navigate({ to: "/executions", search: clean({ ...search, ...change }), replace: true });
  const stoppable = shown.filter((record) => !record.terminal);
  const filtered = Object.keys(search).some((name) => name !== "in");
  const stopChosen = async () => {
    setAsking(false);
    const ids = [...chosen];
    const results = await Promise.allSettled(ids.map((id) => hub.cancel(id, "stopped together with others")));
    const failed = results.filter((result) => result.status === "rejected");
    setChosen(new Set());
    setChoosing(false);
    if (failed.length > 0)
      sayError(
        new Error(
          `${formatPlural(failed.length, "execution")} could not be stopped: ${String((failed[0] as PromiseRejectedResult).reason?.message ?? "")}`,
        ),
      );
    else say(`${formatPlural(ids.length, "execution")} stopping`);
  };
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid gap-4 content-start">
      <h1 className="sr-only">History</h1>
      {/* biome-ignore lint/a11y/useSemanticElements: a form searches here */}
      <form
        role="search"
        className="grid grid-cols-2 sm:flex sm:flex-wrap gap-2"
        onSubmit={(event) => event.preventDefault()}
      >
        <fieldset className="segmented col-span-2" aria-label="Look in">
          <button
            type="button"
            aria-pressed={!inLines}
            onClick={() => set({ in: undefined, level: undefined, regex: undefined, case: undefined })}
          >
            Runs
          </button>
          <button type="button" aria-pressed={inLines} onClick={() => set({ in: "lines" })}>
            Lines
          </button>
        </fieldset>
        <SearchBox
          key={inLines ? "lines" : "runs"}
          inLines={inLines}
          value={search.q ?? ""}
          onChange={(q) => set({ q })}
        >
          {inLines && (
            <>
              <Toggle
                sign="Aa"
                name="Match case"
                on={search.case === true}
                onChange={(on) => set({ case: on || undefined })}
              />
              <Toggle
                sign=".*"
                name="Regular expression"
                on={search.regex === true}
                onChange={(on) => set({ regex: on || undefined })}
              />
            </>
          )}
        </SearchBox>
        {inLines && (
          <Pick
            label="Level"
            value={search.level ?? ""}
            onChange={(level) => set({ level })}
            options={LEVELS}
            all="All levels"
          />
        )}
        <Pick
          label="State"
          value={search.status ?? ""}
          onChange={(status) => set({ status })}
          options={STATES.map((status) => [status, status])}
          all="All states"
        />
        <Pick
          label="Agent"
          value={search.agent ?? ""}
          onChange={(agent) => set({ agent })}
          options={(agents.data?.agents ?? []).map((agent) => [agent.name, agent.name])}
          all="All agents"
        />
        <Pick
          label="Time"
          value={search.since ?? ""}
          onChange={(since) => set({ since })}
          options={SPANS.map(([key, name]) => [key, name])}
          all="Any time"
        />
        <span className={`sm:ml-auto flex gap-2 justify-end ${inLines ? "col-span-2" : ""}`}>
          {filtered && (
            <button
              type="button"
              className="cops-button"
              onClick={() =>
                void navigate({
                  to: "/executions",
                  search: inLines ? { in: "lines" } : {},
                  replace: true,
                })
              }
            >
              Clear
            </button>
          )}
          {!inLines && stoppable.length > 0 && (
            <button
              type="button"
              className="cops-button"
              aria-pressed={choosing}
              onClick={() => {
                setChoosing(!choosing);
                setChosen(new Set());
              }}
            >
              {choosing ? "Done" : "Choose…"}
            </button>
          )}
        </span>
      </form>
      {choosing && !inLines && (
        <div className="box flex items-center gap-3 pl-3.5 pr-2 py-1.5">
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={chosen.size === stoppable.length && stoppable.length > 0}
              onChange={(event) =>
                setChosen(new Set(event.target.checked ? stoppable.map((record) => record.executionId) : []))
              }
            />
            All that run or wait ({stoppable.length})
          </label>
          <button
            type="button"
            className="cops-button cops-stop ml-auto"
            disabled={chosen.size === 0}
            onClick={() => setAsking(true)}
          >
            Stop {chosen.size > 0 ? formatPlural(chosen.size, "execution") : "chosen"}
          </button>
        </div>
      )}
      {inLines ? (
        <LineResults search={lines} />
      ) : (
        <List
          pending={page.isPending}
          error={page.error}
          records={shown}
          filtered={filtered}
          onRetry={() => void page.refetch()}
          table={
            <RecordsTable
              label="Executions"
              records={shown}
              {...(choosing
                ? {
                    chosen,
                    onChoose: (id: string, on: boolean) =>
                      setChosen((before) => {
                        const next = new Set(before);
                        if (on) next.add(id);
                        else next.delete(id);
                        return next;
                      }),
                  }
                : {})}
            />
          }
        />
      )}
      {!inLines && page.hasNextPage && (
        <button
          type="button"
          className="cops-button justify-self-center"
          disabled={page.isFetchingNextPage}
          onClick={() => void page.fetchNextPage()}
        >
          {page.isFetchingNextPage ? "Loading…" : "Older"}
        </button>
      )}
      <Confirm
        open={asking}
        title={`Stop ${formatPlural(chosen.size, "execution")}?`}
        action="Stop them"
        onClose={() => setAsking(false)}
        onConfirm={() => void stopChosen()}
      >
        Everything they have started is ended as well.
      </Confirm>
    </main>
  );
}

function List(props: {
  pending: boolean;
  error: Error | null;
  records: readonly ExecutionRecord[];
  filtered: boolean;
  onRetry(): void;
  table: ReactNode;
}): ReactNode {
  if (props.pending) return <Placeholder rows={8} />;
  if (props.error && props.records.length === 0) {
    return (
      <Notice
        title="History can't be read"
        tone="failed"
        actions={
          <button type="button" className="cops-button" onClick={props.onRetry}>
            Try again
          </button>
        }
      >
        <p>{props.error.message}</p>
      </Notice>
    );
  }
  if (props.records.length > 0) return props.table;
  return props.filtered ? (
    <Notice title="No execution is like that">
      <p>Take a filter away, or look at a longer time.</p>
    </Notice>
  ) : (
    <Notice title="Nothing has run here yet">
      <p>What you run is kept here, with every line it wrote.</p>
    </Notice>
  );
}

/** Typing pauses before the address changes. */
function SearchBox({
  value,
  inLines,
  onChange,
  children,
}: {
  value: string;
  inLines: boolean;
  onChange(value: string): void;
  children?: ReactNode;
}): ReactNode {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <span className="text-input flex items-center gap-1 pr-1! col-span-2 sm:w-[280px] focus-within:outline-2 focus-within:outline-accent">
      <input
        type="search"
        className="flex-1 min-w-0 bg-transparent outline-0! placeholder:text-ink-3"
        placeholder={inLines ? "Find in every line of every run…" : "Id, agent, error, parameters…"}
        aria-label={inLines ? "Find in every log" : "Search executions"}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onChange(event.target.value), inLines ? 350 : 250);
        }}
      />
      {children}
    </span>
  );
}

function Toggle(props: { sign: string; name: string; on: boolean; onChange(on: boolean): void }): ReactNode {
  return (
    <button
      type="button"
      className="cops-mini"
      aria-pressed={props.on}
      aria-label={props.name}
      title={props.name}
      onClick={() => props.onChange(!props.on)}
    >
      {props.sign}
    </button>
  );
}

function lineQuery(search: HistorySearch): LineQuery | null {
  if (!search.q) return null;
  const levels: Readonly<Record<string, readonly Level[]>> = { warn: ["warn", "error"], error: ["error"] };
  return {
    text: search.q,
    regex: search.regex === true,
    caseSensitive: search.case === true,
    levels: levels[search.level ?? ""] ?? [],
    agent: search.agent ?? "",
    statuses: search.status ? statusesOf(search.status) : [],
    spanMs: SPANS.find(([key]) => key === search.since)?.[2] ?? 0,
  };
}

function Pick(props: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  all: string;
  onChange(value: string): void;
}): ReactNode {
  return (
    <select
      className="text-input pr-6!"
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value)}
    >
      <option value="">{props.all}</option>
      {props.options.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** Somebody who asks for what runs also means what is being stopped. */
function statusesOf(status: string): readonly Status[] {
  return status === "running" ? ["running", "cancelling"] : [status as Status];
}

function clean(search: { [K in keyof HistorySearch]?: HistorySearch[K] | undefined }): HistorySearch {
  return Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined && value !== ""),
  );
}
