import { isTerminalType } from "@claudeops/client";
import type { FollowListener, LogEvent, LogGap, LogSource } from "./event.js";
import { onFrame } from "./frame.js";

/** Events of a page. A log of ten million lines has 39,063 pages, of which a few dozen are held. */
export const PAGE_SIZE = 256;

/** Held at most: 64 pages are 16,384 events, about 10 MB. */
const MAX_PAGES = 64;
/** The newest pages stay, so that going to the end never waits. */
const KEPT_AT_END = 4;
/** How many events of the end are asked for when a log is opened. */
const TAIL = 512;
/** Requests under way at once. */
const MAX_FETCHES = 4;
/** Pages one request may bring. */
const MAX_PAGES_PER_FETCH = 8;

/** One stored event, or the gap it fell into, or undefined while it is not here. */
export type Slot = LogEvent | LogGap | undefined;

export interface Page {
  readonly index: number;
  /** seq of the page's first event. */
  readonly base: number;
  /** PAGE_SIZE long at most; holes are undefined. */
  readonly slots: Slot[];
  /** How many slots are filled. */
  filled: number;
  /** Changes with every change of the slots. */
  version: number;
}

/** What is known of a log at one moment; a change is a new object. */
export interface LogState {
  /** seq of the last event known to exist: how many events there are. */
  readonly head: number;
  /** Whether new events would be heard of. */
  readonly streaming: boolean;
  /** The last event has been seen. */
  readonly ended: boolean;
  /** Nothing is known yet. */
  readonly opening: boolean;
  readonly error: Error | null;
  /** Changes whenever anything does. */
  readonly version: number;
}

/**
 * The sparse store of one execution's log: a window of pages, the newest always among them, the
 * rest fetched by number when somebody looks at it. Lives outside React; tells its listeners once
 * per animation frame. Follows the log while it has listeners.
 */
export class LogStore {
  readonly #source: LogSource;
  readonly #pages = new Map<number, Page>();
  readonly #listeners = new Set<() => void>();
  readonly #fetches = new Map<number, AbortController>();
  #failedPages = new Map<number, number>();
  #wanted: readonly number[] = [];
  /** What each of those who look at it has asked for. */
  readonly #wants = new Map<object, readonly number[]>();
  #state: LogState = { head: 0, streaming: false, ended: false, opening: true, error: null, version: 0 };
  #next: { -readonly [K in keyof LogState]: LogState[K] } = { ...this.#state };
  #dirty = false;
  #stopFollowing: (() => void) | null = null;
  #generation = 0;
  #cancelFrame: (() => void) | null = null;
  #stopTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(source: LogSource) {
    this.#source = source;
  }

  get source(): LogSource {
    return this.#source;
  }

  readonly getState = (): LogState => this.#state;

  /** Listens; the first listener opens the log, the last one to leave closes it a little later. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#stopTimer !== null) {
      clearTimeout(this.#stopTimer);
      this.#stopTimer = null;
    }
    if (!this.#stopFollowing) this.#open();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0 || this.#stopTimer !== null) return;
      // StrictMode and page changes leave and come back at once; that must not cost a subscription.
      this.#stopTimer = setTimeout(() => {
        this.#stopTimer = null;
        this.close();
      }, 500);
    };
  };

  /** Stops following and fetching. What is held stays; a new listener opens it again. */
  close(): void {
    this.#generation++;
    this.#stopFollowing?.();
    this.#stopFollowing = null;
    for (const fetch of this.#fetches.values()) fetch.abort();
    this.#fetches.clear();
    this.#cancelFrame?.();
    this.#cancelFrame = null;
    this.#next.streaming = false;
    this.#publish();
  }

  page(index: number): Page | undefined {
    return this.#pages.get(index);
  }

  get pageCount(): number {
    return Math.ceil(this.#next.head / PAGE_SIZE);
  }

  /** Indexes of the pages in memory, ascending. */
  heldPages(): number[] {
    return [...this.#pages.keys()].sort((a, b) => a - b);
  }

  /** Whether anybody listens. */
  get inUse(): boolean {
    return this.#listeners.size > 0;
  }

  /** Pages in memory. */
  get held(): number {
    return this.#pages.size;
  }

  slot(seq: number): Slot {
    return this.#pages.get(Math.floor((seq - 1) / PAGE_SIZE))?.slots[(seq - 1) % PAGE_SIZE];
  }

  /** The last events held without a hole, ascending. */
  tail(count: number): readonly LogEvent[] {
    const events: LogEvent[] = [];
    for (let seq = this.#next.head; seq >= 1 && events.length < count; seq--) {
      const slot = this.slot(seq);
      if (slot === undefined) break;
      if ("seq" in slot) events.push(slot);
    }
    return events.reverse();
  }

  isLoading(index: number): boolean {
    return this.#fetches.has(index);
  }

  /**
   * Says which pages are looked at; what is not here of them is fetched, what is far from them may go.
   * `by` says who looks, where several do; an empty list says that they have gone.
   */
  want(pages: readonly number[], by: object = this): void {
    if (pages.length === 0) this.#wants.delete(by);
    else this.#wants.set(by, pages);
    const all = new Set([...this.#wants.values()].flat());
    this.#wanted = [...all].filter((index) => index >= 0 && index < this.pageCount).sort((a, b) => a - b);
    const first = (this.#wanted[0] ?? 0) - MAX_PAGES_PER_FETCH;
    const last = (this.#wanted.at(-1) ?? -1) + MAX_PAGES_PER_FETCH;
    // Requests for what nobody looks at any more make room for what somebody does.
    for (const [index, fetch] of this.#fetches) if (index < first || index > last) fetch.abort();
    this.#fetchWanted();
  }

  /** Tries again what could not be fetched. */
  retry(): void {
    this.#failedPages.clear();
    this.#next.error = null;
    if (!this.#stopFollowing && this.#listeners.size > 0) this.#open();
    this.#changed();
    this.#fetchWanted();
  }

  /** Lets go of every event held; what is looked at comes back by itself. */
  clear(): void {
    for (const fetch of this.#fetches.values()) fetch.abort();
    this.#pages.clear();
    this.#changed();
    this.#fetchWanted();
  }

  /** Reads events in order without keeping them, for copying and for searching what no server searches. */
  async *scan(
    fromSeq: number,
    toSeq: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly (LogEvent | LogGap)[]> {
    let since = fromSeq - 1;
    while (since < toSeq) {
      const batch = await this.#source.read(since, Math.min(4096, toSeq - since), signal);
      if (batch.length === 0) return;
      yield batch;
      const last = batch.at(-1) as LogEvent | LogGap;
      since = "seq" in last ? last.seq : last.to;
    }
  }

  #open(): void {
    const generation = ++this.#generation;
    const current = () => generation === this.#generation;
    const listener: FollowListener = {
      subscribed: (from, head) => {
        if (!current()) return;
        this.#next.head = Math.max(this.#next.head, head, from - 1);
        this.#next.streaming = true;
        this.#next.opening = false;
        this.#next.error = null;
        this.#changed();
        this.#fetchWanted();
      },
      interrupted: () => {
        if (!current()) return;
        this.#next.streaming = false;
        this.#changed();
      },
      events: (events) => {
        if (!current()) return;
        for (const event of events) this.#put(event.seq, event);
        const last = events.at(-1);
        if (last && last.seq > this.#next.head) this.#next.head = last.seq;
        if (last && isTerminalType(last.type)) this.#next.ended = true;
        this.#evict();
        this.#changed();
      },
      gap: (gap) => {
        if (!current()) return;
        this.#putGap(gap);
        this.#next.head = Math.max(this.#next.head, gap.to);
        this.#changed();
      },
      ended: () => {
        if (!current()) return;
        this.#next.ended = true;
        this.#next.streaming = false;
        this.#next.opening = false;
        this.#changed();
      },
      failed: (error) => {
        if (!current()) return;
        this.#stopFollowing = null;
        this.#next.streaming = false;
        this.#next.opening = false;
        this.#next.error = error;
        this.#changed();
      },
    };
    this.#stopFollowing = this.#source.follow(TAIL, listener);
  }

  #pageFor(index: number): Page {
    let page = this.#pages.get(index);
    if (!page) {
      page = { index, base: index * PAGE_SIZE + 1, slots: [], filled: 0, version: 0 };
      this.#pages.set(index, page);
    }
    return page;
  }

  #put(seq: number, slot: LogEvent | LogGap): void {
    const page = this.#pageFor(Math.floor((seq - 1) / PAGE_SIZE));
    const at = (seq - 1) % PAGE_SIZE;
    while (page.slots.length < at) page.slots.push(undefined);
    if (page.slots[at] === undefined) page.filled++;
    page.slots[at] = slot;
    page.version++;
  }

  /** A gap may be wider than any page; only pages that are held or looked at get their slots. */
  #putGap(gap: LogGap): void {
    const first = Math.floor((gap.from - 1) / PAGE_SIZE);
    const last = Math.floor((gap.to - 1) / PAGE_SIZE);
    const wanted = new Set(this.#wanted);
    for (let index = first; index <= last; index++) {
      if (!wanted.has(index) && !this.#pages.has(index) && index !== last) continue;
      const from = Math.max(gap.from, index * PAGE_SIZE + 1);
      const to = Math.min(gap.to, (index + 1) * PAGE_SIZE);
      for (let seq = from; seq <= to; seq++) this.#put(seq, gap);
    }
  }

  #missing(index: number): boolean {
    const expected = Math.min(PAGE_SIZE, this.#next.head - index * PAGE_SIZE);
    return (this.#pages.get(index)?.filled ?? 0) < expected;
  }

  #fetchWanted(): void {
    if (this.#listeners.size === 0 || this.#next.head === 0) return;
    const missing = this.#wanted.filter(
      (index) => this.#missing(index) && !this.#fetches.has(index) && !this.#resting(index),
    );
    for (let i = 0; i < missing.length && this.#running() < MAX_FETCHES; ) {
      const first = missing[i] as number;
      let last = first;
      i++;
      while (i < missing.length && missing[i] === last + 1 && last - first + 1 < MAX_PAGES_PER_FETCH) {
        last++;
        i++;
      }
      void this.#fetch(first, last);
    }
  }

  #running(): number {
    return new Set(this.#fetches.values()).size;
  }

  /** A page that failed is left alone for a while, so that a broken server is not hammered. */
  #resting(index: number): boolean {
    const until = this.#failedPages.get(index);
    return until !== undefined && until > Date.now();
  }

  async #fetch(first: number, last: number): Promise<void> {
    const controller = new AbortController();
    for (let index = first; index <= last; index++) this.#fetches.set(index, controller);
    try {
      const since = first * PAGE_SIZE;
      const limit = Math.min((last - first + 1) * PAGE_SIZE, this.#next.head - since);
      const batch = await this.#source.read(since, limit, controller.signal);
      if (controller.signal.aborted) return;
      for (const item of batch) {
        if ("seq" in item) this.#put(item.seq, item);
        else this.#putGap(item);
      }
      for (let index = first; index <= last; index++) {
        this.#failedPages.delete(index);
        // An answer without some of the events would otherwise be asked for again and again.
        if (this.#missing(index)) this.#failedPages.set(index, Date.now() + 2000);
      }
      this.#next.error = null;
      this.#evict();
    } catch (error) {
      if (controller.signal.aborted) return;
      for (let index = first; index <= last; index++) this.#failedPages.set(index, Date.now() + 3000);
      this.#next.error = error instanceof Error ? error : new Error(String(error));
    } finally {
      for (let index = first; index <= last; index++) {
        if (this.#fetches.get(index) === controller) this.#fetches.delete(index);
      }
      this.#changed();
      if (!controller.signal.aborted || this.#listeners.size > 0) this.#fetchWanted();
    }
  }

  #evict(): void {
    if (this.#pages.size <= MAX_PAGES) return;
    const wanted = new Set(this.#wanted);
    const first = this.#wanted[0] ?? 0;
    const last = this.#wanted.at(-1) ?? -1;
    const end = this.pageCount - KEPT_AT_END;
    const distance = (index: number): number => {
      if (wanted.has(index) || index >= end) return -1;
      if (index < first) return first - index;
      return index > last ? index - last : 0;
    };
    const far = [...this.#pages.keys()].sort((a, b) => distance(b) - distance(a));
    for (const index of far) {
      if (this.#pages.size <= MAX_PAGES || distance(index) < 0) break;
      this.#pages.delete(index);
    }
  }

  #changed(): void {
    this.#dirty = true;
    if (this.#cancelFrame || this.#listeners.size === 0) {
      if (this.#listeners.size === 0) this.#publish();
      return;
    }
    this.#cancelFrame = onFrame(() => {
      this.#cancelFrame = null;
      this.#publish();
    });
  }

  #publish(): void {
    if (!this.#dirty && this.#next.streaming === this.#state.streaming) return;
    this.#dirty = false;
    this.#next.version++;
    this.#state = { ...this.#next };
    for (const listener of this.#listeners) listener();
  }
}
