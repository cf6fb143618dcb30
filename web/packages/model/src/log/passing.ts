import type { Level, LogSource } from "./event.js";
import { isFiltering, type LogSettings } from "./settings.js";
import { PAGE_SIZE } from "./store.js";

/** Logs shorter than this are looked through by scrolling alone. */
const FROM = 16 * PAGE_SIZE;
/** Lines a filter may let through for their places to be asked for; where more pass, some are always near. */
const MOST = 50_000;
/** Places asked for at once. */
const BATCH = 10_000;

/** Pages that hold lines which pass the filters, as far as the server has told. */
export interface PassingPages {
  readonly pages: ReadonlySet<number>;
  /** Nothing is said of this page and those after it: they came later. */
  readonly before: number;
}

/**
 * Asks the server where the lines are that pass the filters, so that pages without any need not be
 * fetched to be left out. Gives null where it can't tell, or where nearly everything passes: then
 * scrolling finds out.
 */
export async function findPassing(
  source: LogSource,
  settings: LogSettings,
  head: number,
  signal: AbortSignal,
): Promise<PassingPages | null> {
  const { level, stream, only } = settings;
  if (!source.search || head < FROM || !isFiltering(settings)) return null;
  if (level === "info" && stream === "all" && only === null) return null;
  const pages = new Set<number>();
  for (const one of LEVELS[level]) {
    for (let from = 0, full = true; full; ) {
      let count = 0;
      const outcome = await source.search(
        {
          ...(only ?? { text: ".", regex: true, caseSensitive: true }),
          limit: BATCH,
          from,
          ...(one ? { level: one } : {}),
          ...(stream === "all" ? {} : { stream }),
        },
        (matches) => {
          count += matches.length;
          for (const { seq } of matches) {
            pages.add(Math.floor((seq - 1) / PAGE_SIZE));
            from = Math.max(from, seq);
          }
        },
        signal,
      );
      if (signal.aborted || outcome.total > MOST) return null;
      full = count >= BATCH;
    }
  }
  return { pages, before: Math.floor(head / PAGE_SIZE) };
}

/** The levels that a least level stands for; undefined is all of them, in one search. */
const LEVELS: Readonly<Record<Level, readonly (Level | undefined)[]>> = {
  debug: [undefined],
  info: ["info", "warn", "error"],
  warn: ["warn", "error"],
  error: ["error"],
};
