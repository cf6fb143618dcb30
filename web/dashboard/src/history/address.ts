import type { ExecutionsQuery, Level, Status } from "@claudeops/client";

/** What History is asked for; everything of it stands in the address. */
export interface HistorySearch {
  readonly status?: string;
  readonly agent?: string;
  /** A span (`1h`, `24h`, `7d`, `30d`) or a local day (`2026-11-22`), which is included. */
  readonly since?: string;
  /** A local day, which is included. */
  readonly until?: string;
  readonly q?: string;
  /** `lines`: `q` is looked for in the logs instead of the runs' records. */
  readonly in?: "lines";
  readonly level?: string;
  readonly regex?: boolean;
  readonly case?: boolean;
}

/** A change of the search; undefined takes a filter away. */
export type HistoryChange = { [K in keyof HistorySearch]?: HistorySearch[K] | undefined };

/** What is looked for in the lines of every run. */
export interface LineQuery {
  readonly text: string;
  readonly regex: boolean;
  readonly caseSensitive: boolean;
  readonly levels: readonly Level[];
  readonly agent: string;
  readonly statuses: readonly Status[];
  /** As in {@link HistorySearch}. */
  readonly since?: string;
  readonly until?: string;
}

export const SPANS: readonly (readonly [key: string, name: string, ms: number])[] = [
  ["1h", "Last hour", 3_600_000],
  ["24h", "Last 24 h", 86_400_000],
  ["7d", "Last 7 days", 604_800_000],
  ["30d", "Last 30 days", 2_592_000_000],
];

export const LEVELS: readonly (readonly [key: string, name: string])[] = [
  ["warn", "Warnings and errors"],
  ["error", "Errors"],
];

export const STATES: readonly Status[] = ["queued", "running", "completed", "failed", "cancelled"];

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Reads an address, which may have been typed by hand. */
export function parseHistorySearch(search: Readonly<Record<string, unknown>>): HistorySearch {
  // What reads as a number was one: the router parses values as JSON.
  const text = (name: string) =>
    (typeof search[name] === "string" || typeof search[name] === "number") && search[name] !== ""
      ? { [name]: String(search[name]) }
      : {};
  const flag = (name: string) => (search[name] === true ? { [name]: true } : {});
  return {
    ...text("status"),
    ...text("agent"),
    ...text("since"),
    ...text("until"),
    ...text("q"),
    ...(search.in === "lines" ? { in: "lines", ...text("level"), ...flag("regex"), ...flag("case") } : {}),
  };
}

/** The search with a change: empty filters are left out. */
export function changed(search: HistorySearch, change: HistoryChange): HistorySearch {
  return Object.fromEntries(
    Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined && value !== ""),
  );
}

/** Whether anything is filtered; where one looks is no filter. */
export function isFiltered(search: HistorySearch): boolean {
  return Object.keys(search).some((name) => name !== "in");
}

/** Whether `since` is a day that was picked, and no span. */
export function isDay(value: string | undefined): value is string {
  return value !== undefined && DAY.test(value) && !Number.isNaN(localDay(value).getTime());
}

/** The bounds in time; `now` is the server's. */
export function boundsOf(
  search: { readonly since?: string; readonly until?: string },
  now: number,
): { since?: Date; until?: Date } {
  const span = SPANS.find(([key]) => key === search.since)?.[2];
  const since =
    span !== undefined ? new Date(now - span) : isDay(search.since) ? localDay(search.since) : undefined;
  const until = isDay(search.until) ? localDay(search.until, 1) : undefined;
  return { ...(since ? { since } : {}), ...(until ? { until } : {}) };
}

/** What the server is asked for a list of runs. */
export function listQuery(search: HistorySearch, now: number): ExecutionsQuery {
  return {
    ...(search.status ? { status: statusesOf(search.status) } : {}),
    ...(search.agent ? { agentType: search.agent } : {}),
    ...(search.q ? { q: search.q } : {}),
    ...boundsOf(search, now),
  };
}

/** What is looked for in the lines; null while there is nothing to look for. */
export function lineQuery(search: HistorySearch): LineQuery | null {
  if (search.in !== "lines" || !search.q) return null;
  const levels: Readonly<Record<string, readonly Level[]>> = { warn: ["warn", "error"], error: ["error"] };
  return {
    text: search.q,
    regex: search.regex === true,
    caseSensitive: search.case === true,
    levels: levels[search.level ?? ""] ?? [],
    agent: search.agent ?? "",
    statuses: search.status ? statusesOf(search.status) : [],
    ...(search.since ? { since: search.since } : {}),
    ...(search.until ? { until: search.until } : {}),
  };
}

/** A run that is being stopped still runs. */
export function statusesOf(status: string): readonly Status[] {
  return status === "running" ? ["running", "cancelling"] : [status as Status];
}

/** Midnight of a day here, or of so many days later; days of summer time have other lengths. */
function localDay(day: string, later = 0): Date {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later);
}
