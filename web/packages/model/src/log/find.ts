import { plainText } from "./ansi.js";
import type { LogEvent, LogGap } from "./event.js";
import { SearchUnsupported } from "./event.js";
import type { LogStore } from "./store.js";

export interface FindQuery {
  readonly text: string;
  readonly regex: boolean;
  readonly caseSensitive: boolean;
}

export interface FindState {
  readonly query: FindQuery;
  readonly status: "idle" | "searching" | "done" | "failed";
  /** Lines found so far. */
  readonly total: number;
  /** Which of them is the current one, from 0; -1 for none. */
  readonly current: number;
  /** seq of the current one. */
  readonly currentSeq: number | null;
  /** How far the page itself has looked, where the server can't search: the last seq seen. */
  readonly scannedTo: number | null;
  readonly error: string | null;
}

const NO_QUERY: FindQuery = { text: "", regex: false, caseSensitive: false };
const IDLE: FindState = {
  query: NO_QUERY,
  status: "idle",
  total: 0,
  current: -1,
  currentSeq: null,
  scannedTo: null,
  error: null,
};

/** Matches whose places are kept, as many as a server gives at once; there may be more, they are counted all the same. */
const KEPT = 10_000;

/**
 * Finds lines in the whole log: by the server where it can, else by reading the log through without
 * keeping it. Lines that arrive later are looked at as they come.
 */
export class Find {
  readonly #store: LogStore;
  readonly #changed: () => void;
  #state: FindState = IDLE;
  #seqs: number[] = [];
  #matcher: RegExp | null = null;
  #controller: AbortController | null = null;
  /** Everything up to here has been looked at, or is being. */
  #seen = 0;
  /** Where the reader stood when the search began; the first hit after it becomes the current one. */
  #origin = 1;

  constructor(store: LogStore, changed: () => void) {
    this.#store = store;
    this.#changed = changed;
  }

  get state(): FindState {
    return this.#state;
  }

  /** Places of the lines found, ascending. */
  get seqs(): readonly number[] {
    return this.#seqs;
  }

  /** What marks hits inside a drawn line; null when nothing is searched. */
  get matcher(): RegExp | null {
    return this.#matcher;
  }

  stop(): void {
    this.#controller?.abort();
    this.#controller = null;
  }

  clear(): void {
    this.stop();
    this.#seqs = [];
    this.#matcher = null;
    this.#set(IDLE);
  }

  /** Searches anew. Resolves when done, with the place to show: the first hit at or after `origin`. */
  async search(query: FindQuery, origin: number): Promise<number | null> {
    this.stop();
    this.#seqs = [];
    this.#origin = origin;
    if (query.text === "") {
      this.clear();
      return null;
    }
    try {
      this.#matcher = toMatcher(query);
    } catch (error) {
      this.#matcher = null;
      this.#set({ ...IDLE, query, status: "failed", error: `not a regular expression: ${message(error)}` });
      return null;
    }
    const controller = new AbortController();
    this.#controller = controller;
    const { signal } = controller;
    this.#seen = this.#store.getState().head;
    this.#set({ ...IDLE, query, status: "searching" });
    try {
      try {
        if (!this.#store.source.search) throw new SearchUnsupported();
        const outcome = await this.#store.source.search(
          { ...query, limit: KEPT },
          (matches, total) => {
            if (!signal.aborted)
              this.#add(
                matches.map((match) => match.seq),
                total,
              );
          },
          signal,
        );
        if (signal.aborted) return null;
        this.#set({ ...this.#state, status: "done", total: Math.max(outcome.total, this.#seqs.length) });
      } catch (error) {
        if (!(error instanceof SearchUnsupported)) throw error;
        await this.#scan(signal);
        if (signal.aborted) return null;
        this.#set({ ...this.#state, status: "done" });
      }
    } catch (error) {
      if (signal.aborted) return null;
      this.#set({ ...this.#state, status: "failed", error: message(error) });
      return null;
    }
    return this.#state.currentSeq;
  }

  /** Goes to the next or previous line found; around the ends. */
  step(direction: 1 | -1): number | null {
    const count = this.#seqs.length;
    if (count === 0) return null;
    const current = this.#state.current < 0 ? (direction === 1 ? -1 : 0) : this.#state.current;
    const next = (current + direction + count) % count;
    const seq = this.#seqs[next] as number;
    this.#set({ ...this.#state, current: next, currentSeq: seq });
    return seq;
  }

  /** Looks at lines that have arrived since the search began. */
  arrived(head: number): void {
    if (!this.#matcher || this.#state.status !== "done" || head <= this.#seen) return;
    const found: number[] = [];
    for (let seq = this.#seen + 1; seq <= head; seq++) {
      const slot = this.#store.slot(seq);
      if (slot === undefined) break;
      this.#seen = seq;
      if (matches(slot, this.#matcher)) found.push(seq);
    }
    if (found.length > 0) this.#add(found, this.#state.total + found.length);
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const head = this.#store.getState().head;
    let total = 0;
    for await (const batch of this.#store.scan(1, head, signal)) {
      if (signal.aborted || !this.#matcher) return;
      const found: number[] = [];
      for (const item of batch) if (matches(item, this.#matcher)) found.push((item as LogEvent).seq);
      total += found.length;
      const last = batch.at(-1) as LogEvent | LogGap;
      this.#state = { ...this.#state, scannedTo: "seq" in last ? last.seq : last.to };
      this.#add(found, total);
    }
  }

  #add(seqs: readonly number[], total: number): void {
    const last = this.#seqs.at(-1) ?? 0;
    const sorted = [...seqs].sort((a, b) => a - b);
    for (const seq of sorted)
      if (seq > (this.#seqs.at(-1) ?? 0) && this.#seqs.length < KEPT) this.#seqs.push(seq);
    if ((sorted[0] ?? last + 1) <= last) {
      this.#seqs = [...new Set([...this.#seqs, ...sorted])].sort((a, b) => a - b).slice(0, KEPT);
    }
    let { current } = this.#state;
    if (this.#state.status === "searching" && this.#seqs.length > 0) {
      const after = this.#seqs.findIndex((seq) => seq >= this.#origin);
      current = after === -1 ? this.#seqs.length - 1 : after;
    }
    this.#set({ ...this.#state, total, current, currentSeq: this.#seqs[current] ?? null });
  }

  #set(state: FindState): void {
    this.#state = state;
    this.#changed();
  }
}

/** The expression that marks hits; a query that the page's engine can't read marks none but is still searched by the server. */
export function toMatcher(query: FindQuery): RegExp {
  const source = query.regex ? query.text : query.text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  return new RegExp(source, query.caseSensitive ? "g" : "gi");
}

/** [start, end) of every hit in a text; empty hits are left out. */
export function rangesOf(text: string, matcher: RegExp): [number, number][] {
  const ranges: [number, number][] = [];
  matcher.lastIndex = 0;
  for (let match = matcher.exec(text); match !== null; match = matcher.exec(text)) {
    if (match[0] === "") matcher.lastIndex++;
    else ranges.push([match.index, match.index + match[0].length]);
    if (ranges.length >= 1000) break;
  }
  return ranges;
}

function matches(item: LogEvent | LogGap, matcher: RegExp): boolean {
  if (item.type !== "execution:log") return false;
  matcher.lastIndex = 0;
  return matcher.test(plainText((item as LogEvent).message ?? ""));
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
