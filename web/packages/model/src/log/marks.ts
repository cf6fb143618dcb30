import type { FindQuery } from "./query.js";
import { type LogStore, PAGE_SIZE } from "./store.js";

/** [start, end) in UTF-16 code units of a line's text. */
export type TextRange = readonly [number, number];

const NONE: readonly TextRange[] = [];

/** Milliseconds until a page that could not be searched is tried again. */
const REST = 3000;

interface Marked {
  /** Everything up to this seq was looked at. */
  readonly upTo: number;
  /** Versions of the page and of the one after it, where its last line may end, when it was asked for. */
  readonly version: string;
  readonly ranges: ReadonlyMap<number, readonly TextRange[]>;
}

/**
 * Where the lines of pages match a query, as the server finds it: page, search and command line have
 * one language of expressions, and none that can hang the page. Pages are asked for as they are looked
 * at, and again when they have grown.
 */
export class Marks {
  readonly query: FindQuery;
  readonly #store: LogStore;
  readonly #changed: (pages: readonly number[]) => void;
  readonly #pages = new Map<number, Marked>();
  readonly #asked = new Map<number, string>();
  readonly #controller = new AbortController();
  #restUntil = 0;
  #supported = true;
  #broken = false;

  constructor(store: LogStore, query: FindQuery, changed: (pages: readonly number[]) => void) {
    this.#store = store;
    this.query = query;
    this.#changed = changed;
  }

  stop(): void {
    this.#controller.abort();
  }

  /** The query can't be carried out: it is no expression, or nobody searches for one here. */
  get broken(): boolean {
    return this.#broken || (this.query.regex && (!this.#supported || !this.#store.source.search));
  }

  /** Where a line matches; empty for a line that does not, undefined while that is not known. */
  of(seq: number, text: string): readonly TextRange[] | undefined {
    if (!this.#supported || !this.#store.source.search) return localRanges(text, this.query);
    const page = this.#pages.get(Math.floor((seq - 1) / PAGE_SIZE));
    if (!page || seq > page.upTo) return undefined;
    return page.ranges.get(seq) ?? NONE;
  }

  /** Says which pages are looked at. */
  want(pages: readonly number[]): void {
    if (this.#broken || !this.#supported || !this.#store.source.search) return;
    if (this.#asked.size > 0 || Date.now() < this.#restUntil) return;
    let run: number[] = [];
    for (const page of [...pages].sort((a, b) => a - b)) {
      const version = this.#versionOf(page);
      if (version === undefined || this.#pages.get(page)?.version === version) continue;
      if (run.length > 0 && page !== (run.at(-1) as number) + 1) {
        void this.#ask(run);
        run = [];
      }
      run.push(page);
    }
    if (run.length > 0) void this.#ask(run);
    if (this.#pages.size > 256) {
      for (const page of this.#pages.keys()) if (!pages.includes(page)) this.#pages.delete(page);
    }
  }

  #versionOf(page: number): string | undefined {
    const held = this.#store.page(page);
    return held && `${held.version}.${this.#store.page(page + 1) ? 1 : 0}`;
  }

  async #ask(pages: readonly number[]): Promise<void> {
    const { signal } = this.#controller;
    const first = pages[0] as number;
    const last = pages.at(-1) as number;
    const versions = new Map(pages.map((page) => [page, this.#versionOf(page) ?? ""]));
    for (const page of pages) this.#asked.set(page, versions.get(page) as string);
    const upTo = Math.min((last + 1) * PAGE_SIZE, this.#store.getState().head);
    const found = new Map<number, Map<number, readonly TextRange[]>>(pages.map((page) => [page, new Map()]));
    try {
      await this.#store.source.search?.(
        { ...this.query, from: first * PAGE_SIZE, to: upTo, limit: pages.length * PAGE_SIZE },
        (matches) => {
          for (const { seq, ranges } of matches) {
            found.get(Math.floor((seq - 1) / PAGE_SIZE))?.set(seq, ranges);
          }
        },
        signal,
      );
      if (signal.aborted) return;
      for (const page of pages) {
        const ranges = found.get(page) as Map<number, readonly TextRange[]>;
        this.#pages.set(page, { upTo, version: versions.get(page) as string, ranges });
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Error && error.name === "SearchUnsupported") this.#supported = false;
      else if ((error as { code?: unknown }).code === "bad_request") this.#broken = true;
      else this.#restUntil = Date.now() + REST;
    } finally {
      for (const page of pages) this.#asked.delete(page);
    }
    if (!signal.aborted) this.#changed(pages);
  }
}

/** Where a text matches, for logs that no server searches: plain text only. */
export function localRanges(text: string, query: FindQuery): readonly TextRange[] {
  if (query.text === "" || query.regex) return NONE;
  const fold = (value: string) =>
    query.caseSensitive ? value : value.replace(/[A-Z]/g, (c) => c.toLowerCase());
  const [hay, needle] = [fold(text), fold(query.text)];
  const ranges: TextRange[] = [];
  for (let at = hay.indexOf(needle); at !== -1; at = hay.indexOf(needle, at + needle.length)) {
    ranges.push([at, at + needle.length]);
  }
  return ranges;
}
