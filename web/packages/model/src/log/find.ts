import type { LogEvent, LogGap, SearchMatch } from "./event.js";
import { SearchUnsupported } from "./event.js";
import { localRanges, Marks } from "./marks.js";
import type { FindQuery } from "./query.js";
import type { LogStore } from "./store.js";
import { plainText } from "./terminal.js";

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

/** Lines whose places are known at once, as many as a server gives; more are asked for when one steps past them. */
const KEPT = 10_000;

/**
 * Finds lines in the whole log: by the server where it can, else by reading the log through without
 * keeping it. Lines that arrive later are counted as they come.
 */
export class Find {
  readonly #store: LogStore;
  readonly #changed: (pages?: readonly number[]) => void;
  #state: FindState = IDLE;
  /** Places of found lines in a row, ascending: a part of all. */
  #seqs: number[] = [];
  /** How many lines were found before the first of them. */
  #before = 0;
  #marks: Marks | null = null;
  #controller: AbortController | null = null;
  /** Everything up to here has been looked at, or is being. */
  #seen = 0;
  #counting = false;
  /** Where the reader stood when the search began; the first hit after it becomes the current one. */
  #origin = 1;

  constructor(store: LogStore, changed: (pages?: readonly number[]) => void) {
    this.#store = store;
    this.#changed = changed;
  }

  get state(): FindState {
    return this.#state;
  }

  /** Places of lines found, ascending; where there are very many, those around the current one. */
  get seqs(): readonly number[] {
    return this.#seqs;
  }

  /** Where drawn lines match; null when nothing is searched. */
  get marks(): Marks | null {
    return this.#marks;
  }

  stop(): void {
    this.#controller?.abort();
    this.#controller = null;
  }

  clear(): void {
    this.stop();
    this.#forget();
    this.#set(IDLE);
  }

  #forget(): void {
    this.#seqs = [];
    this.#before = 0;
    this.#marks?.stop();
    this.#marks = null;
  }

  /** Searches anew. Resolves when done, with the place to show: the first hit at or after `origin`. */
  async search(query: FindQuery, origin: number): Promise<number | null> {
    this.stop();
    this.#forget();
    this.#origin = origin;
    if (query.text === "") {
      this.clear();
      return null;
    }
    const controller = new AbortController();
    this.#controller = controller;
    const { signal } = controller;
    this.#marks = new Marks(this.#store, query, this.#changed);
    this.#seen = this.#store.getState().head;
    this.#set({ ...IDLE, query, status: "searching" });
    try {
      try {
        const { source } = this.#store;
        if (!source.search) throw new SearchUnsupported();
        const outcome = await source.search(
          { ...query, limit: KEPT, to: this.#seen },
          (matches, total) => {
            if (!signal.aborted) this.#add(seqsOf(matches), total);
          },
          signal,
        );
        if (signal.aborted) return null;
        const total = Math.max(outcome.total, this.#seqs.length);
        this.#set({ ...this.#state, status: "done", total });
        if (total > this.#seqs.length && (this.#seqs.at(-1) ?? 0) < origin) await this.#goOn(origin, signal);
      } catch (error) {
        if (!(error instanceof SearchUnsupported)) throw error;
        if (query.regex) throw new Error("this log can't be searched for regular expressions");
        await this.#scan(query, signal);
        if (signal.aborted) return null;
        this.#set({ ...this.#state, status: "done" });
      }
    } catch (error) {
      if (signal.aborted) return null;
      this.#marks?.stop();
      this.#marks = null;
      this.#set({ ...this.#state, status: "failed", error: message(error) });
      return null;
    }
    return this.#state.currentSeq;
  }

  /** Goes to the next or previous line found; around the ends. */
  async step(direction: 1 | -1): Promise<number | null> {
    const { total, current } = this.#state;
    if (this.#seqs.length === 0) return null;
    const from = current < 0 ? (direction === 1 ? -1 : 0) : current;
    const next = (from + direction + total) % total;
    if (this.#seqs[next - this.#before] === undefined) {
      try {
        await this.#load(next, direction);
      } catch (error) {
        this.#set({ ...this.#state, error: message(error) });
        return null;
      }
    }
    const seq = this.#seqs[next - this.#before];
    if (seq === undefined) return null;
    this.#set({ ...this.#state, current: next, currentSeq: seq });
    return seq;
  }

  /** Has the hit with this number among those whose places are known. */
  async #load(index: number, direction: 1 | -1): Promise<void> {
    const { query, total } = this.#state;
    const signal = this.#controller?.signal ?? new AbortController().signal;
    const wraps = direction === 1 ? index === 0 : index === total - 1;
    const from = wraps ? 0 : direction === 1 ? (this.#seqs.at(-1) ?? 0) : (this.#seqs[0] ?? 0);
    const seqs: number[] = [];
    await this.#store.source.search?.(
      {
        ...query,
        limit: KEPT,
        ...(from > 0 ? { from } : {}),
        ...(direction === -1 ? { backwards: true } : {}),
      },
      (matches) => {
        seqs.push(...seqsOf(matches));
      },
      signal,
    );
    if (signal.aborted || seqs.length === 0) return;
    this.#seqs = seqs.sort((a, b) => a - b);
    this.#before = direction === 1 ? index : index - seqs.length + 1;
  }

  /** Goes to the first hit at or after a place that lies behind those whose places are known. */
  async #goOn(origin: number, signal: AbortSignal): Promise<void> {
    const { query, total } = this.#state;
    const seqs: number[] = [];
    let after = 0;
    await this.#store.source.search?.(
      { ...query, limit: KEPT, from: origin - 1, to: this.#seen },
      (matches, counted) => {
        seqs.push(...seqsOf(matches));
        after = counted;
      },
      signal,
    );
    if (signal.aborted || seqs.length === 0) return;
    this.#seqs = seqs.sort((a, b) => a - b);
    this.#before = total - Math.max(after, seqs.length);
    this.#set({ ...this.#state, current: this.#before, currentSeq: seqs[0] ?? null });
  }

  /** Looks at lines that have arrived since the search began. */
  arrived(head: number): void {
    if (!this.#marks || this.#counting || this.#state.status !== "done" || head <= this.#seen) return;
    const { source } = this.#store;
    const { query } = this.#state;
    if (source.search) void this.#count(head);
    else {
      const found: number[] = [];
      for (let seq = this.#seen + 1; seq <= head; seq++) {
        const slot = this.#store.slot(seq);
        if (slot === undefined) break;
        this.#seen = seq;
        if (matches(slot, query)) found.push(seq);
      }
      if (found.length > 0) this.#add(found, this.#state.total + found.length);
    }
  }

  /** Asks the server for lines that have arrived; one question at a time. */
  async #count(head: number): Promise<void> {
    const signal = this.#controller?.signal;
    if (!signal) return;
    const { query } = this.#state;
    const from = this.#seen;
    this.#seen = head;
    this.#counting = true;
    const seqs: number[] = [];
    let counted = 0;
    try {
      await this.#store.source.search?.(
        { ...query, limit: KEPT, from, to: head },
        (matches, total) => {
          seqs.push(...seqsOf(matches));
          counted = total;
        },
        signal,
      );
      if (!signal.aborted && counted > 0) this.#add(seqs, this.#state.total + counted);
    } catch {
      this.#seen = Math.min(this.#seen, from); // asked again with the lines that come next
    } finally {
      this.#counting = false;
    }
  }

  async #scan(query: FindQuery, signal: AbortSignal): Promise<void> {
    const head = this.#store.getState().head;
    let total = 0;
    for await (const batch of this.#store.scan(1, head, signal)) {
      if (signal.aborted) return;
      const found: number[] = [];
      for (const item of batch) if (matches(item, query)) found.push((item as LogEvent).seq);
      total += found.length;
      const last = batch.at(-1) as LogEvent | LogGap;
      this.#state = { ...this.#state, scannedTo: "seq" in last ? last.seq : last.to };
      this.#add(found, total);
    }
  }

  #add(seqs: readonly number[], total: number): void {
    const known = this.#before + this.#seqs.length;
    // What comes after lines whose places are not known can only be counted.
    if (known === this.#state.total) {
      const all = new Set(this.#seqs);
      for (const seq of seqs) if (all.size < KEPT) all.add(seq);
      if (all.size > this.#seqs.length) this.#seqs = [...all].sort((a, b) => a - b);
    } else if (this.#state.status === "searching") {
      this.#seqs = [...new Set([...this.#seqs, ...seqs])].sort((a, b) => a - b).slice(0, KEPT);
    }
    let { current } = this.#state;
    if (this.#state.status === "searching" && this.#seqs.length > 0) {
      const after = this.#seqs.findIndex((seq) => seq >= this.#origin);
      current = after === -1 ? this.#seqs.length - 1 : after;
    }
    const currentSeq = this.#seqs[current - this.#before] ?? this.#state.currentSeq;
    this.#set({ ...this.#state, total, current, currentSeq });
  }

  #set(state: FindState): void {
    this.#state = state;
    this.#changed();
  }
}

function seqsOf(matches: readonly SearchMatch[]): number[] {
  return matches.map((match) => match.seq);
}

function matches(item: LogEvent | LogGap, query: FindQuery): boolean {
  if (item.type !== "execution:log") return false;
  return localRanges(plainText((item as LogEvent).message ?? ""), query).length > 0;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
