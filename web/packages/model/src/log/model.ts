import type { Lens } from "../transcript/lens.js";
import { describeEvent } from "./describe.js";
import { Find } from "./find.js";
import { Folds } from "./folds.js";
import { onFrame } from "./frame.js";
import { Heights } from "./heights.js";
import { Marks, type TextRange } from "./marks.js";
import { findPassing, type PassingPages } from "./passing.js";
import type { LineRange } from "./permalink.js";
import {
  type BuiltPage,
  buildPage,
  type Carry,
  columns,
  DRAWN_LIMIT,
  NOTHING_OPEN,
  type Row,
} from "./rows.js";
import {
  comparePoints,
  orderedPoints,
  selectedOf,
  selectionOfLines,
  type TextSelection,
} from "./selection.js";
import { DEFAULT_SETTINGS, isFiltering, isShown, type LogSettings } from "./settings.js";
import { type LogStore, PAGE_SIZE } from "./store.js";
import { textOf } from "./text-of.js";
import type { DrawnRow, LogView } from "./view.js";
import { Viewport } from "./viewport.js";

export type { DrawnRow, LogView } from "./view.js";

/** Pages without a single shown line that are looked through before the reader is asked whether to go on. */
const SCAN_PAGES = 800;

/** Lines copied without a pause. */
const AT_ONCE = 20_000;
/** Pages fetched together while looking for lines that pass. */
const LOOK_AHEAD = 8;
/**
 * What one viewer shows of a log: rows, heights, where one stands, what is folded, found and
 * selected. Knows no DOM and no React; a component draws its view and tells it what the reader does.
 */
export class LogModel {
  readonly store: LogStore;
  readonly find: Find;
  readonly #heights = new Heights(PAGE_SIZE, 20);
  readonly #viewport = new Viewport(this.#heights);
  readonly #built = new Map<number, BuiltPage>();
  readonly #versions = new Map<number, number>();
  readonly #expanded = new Set<number>();
  readonly #folds: Folds;
  readonly #measured = new Map<number, number>();
  readonly #listeners = new Set<() => void>();
  #leave: (() => void) | null = null;
  #settings: LogSettings;
  #follow = true;
  #pausedAt = 0;
  #selection: LineRange | null = null;
  #text: TextSelection | null = null;
  #charsPerLine = 0;
  #columns = 0;
  #scanLeft = SCAN_PAGES;
  #scanPaused = false;
  #only: Marks | null = null;
  /** Pages from here on came after the filter: what is not known of them yet is not shown. */
  #onlyFrom = 0;
  #passing: PassingPages | null = null;
  #narrowing: AbortController | null = null;
  #pending: { seq: number; where: "top" | "middle" } | null = null;
  #view: LogView | null = null;
  #version = 0;
  #stale = false;
  #cancelFrame: (() => void) | null = null;
  #origin = Number.NaN;

  readonly #lens: Lens | null;

  /** `lens` sees the rows otherwise than as lines. */
  constructor(store: LogStore, settings: LogSettings = DEFAULT_SETTINGS, lens: Lens | null = null) {
    this.store = store;
    this.#lens = lens;
    this.#folds = new Folds(store);
    this.#settings = settings;
    this.find = new Find(store, () => this.#invalidate());
    this.#filterBy(settings);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#leave ??= this.store.subscribe(this.#onStore);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#leave?.();
      this.#leave = null;
      this.find.stop();
      this.#only?.stop();
      this.#narrowing?.abort();
      this.#cancelFrame?.();
      this.#cancelFrame = null;
    };
  };

  readonly getView = (): LogView => {
    this.#view ??= this.#draw();
    return this.#view;
  };

  /** The size of what is seen, of a row, and how many characters fit a line. */
  setSize(height: number, rowHeight: number, charsPerLine: number): void {
    const viewport = this.#viewport;
    const reflow = this.#settings.wrap && charsPerLine !== this.#charsPerLine;
    if (viewport.height === height && this.#heights.rowHeight === rowHeight && !reflow) {
      this.#charsPerLine = charsPerLine;
      return;
    }
    const first = viewport.height === 0;
    const row = viewport.row;
    const atEnd = this.#follow;
    viewport.height = height;
    this.#charsPerLine = charsPerLine;
    if (this.#heights.rowHeight !== rowHeight || reflow) this.#reflow(rowHeight);
    if (atEnd) viewport.toEnd();
    else if (!first) viewport.reveal(row, "top");
    this.#settlePending();
    this.#invalidateNow();
  }

  /** The scrolled element has moved. */
  scrolled(top: number): void {
    const viewport = this.#viewport;
    const delta = top - viewport.top;
    if (delta === 0) return;
    viewport.scrolled(top);
    if (delta < 0 && !viewport.atEnd) this.#pause();
    else if (delta > 0 && viewport.atEnd && !this.#scanPaused) this.#resume();
    this.#pending = null;
    this.#invalidateNow();
  }

  /** The scrolled element stands where the last view wanted it. */
  settled(top: number): void {
    this.#viewport.top = top;
  }

  /** The movement is over: the element may be put right. */
  rest(): void {
    if (Math.abs(this.#viewport.wantedTop - this.#viewport.top) >= 1) this.#invalidateNow(true);
  }

  /** Moves by whole lines or pages, for keys. */
  moveBy(pixels: number): void {
    this.#viewport.moveBy(pixels);
    if (pixels < 0) this.#pause();
    else if (this.#viewport.atEnd) this.#resume();
    this.#invalidateNow(true);
  }

  get pageStep(): number {
    return Math.max(this.#heights.rowHeight, this.#viewport.height - 2 * this.#heights.rowHeight);
  }

  get rowHeight(): number {
    return this.#heights.rowHeight;
  }

  /** Goes to a share of the whole log, for the rail. */
  moveToShare(share: number): void {
    this.#viewport.moveTo(share * this.#viewport.maxPosition);
    if (this.#viewport.atEnd) this.#resume();
    else this.#pause();
    this.#invalidateNow(true);
  }

  setFollow(follow: boolean): void {
    if (follow) {
      this.#resume();
      this.#viewport.toEnd();
    } else this.#pause();
    this.#invalidateNow(true);
  }

  /** Shows a line. Before the log is open, it is remembered. */
  goTo(seq: number, where: "top" | "middle" = "middle"): void {
    this.#pause();
    this.#pending = { seq, where };
    this.#settlePending();
    this.#invalidateNow(true);
  }

  toStart(): void {
    this.#pause();
    this.#pending = null;
    this.#viewport.moveTo(0);
    this.#invalidateNow(true);
  }

  select(selection: LineRange | null): void {
    this.#selection = selection;
    this.#invalidateNow();
  }

  /** Text that is selected, drawn or not. */
  get textSelection(): TextSelection | null {
    return this.#text;
  }

  selectText(selection: TextSelection | null): void {
    const before = this.#text;
    if (selection === before) return;
    if (
      selection &&
      before &&
      comparePoints(selection.anchor, before.anchor) === 0 &&
      comparePoints(selection.focus, before.focus) === 0
    )
      return;
    this.#text = selection;
    this.#invalidateNow();
  }

  selectAll(): void {
    const { head } = this.store.getState();
    if (head > 0) this.selectText(selectionOfLines(1, head));
  }

  /** The text of a selection where all of its lines are here, as they are shown; null where some are not. */
  textHere(selection: TextSelection): string | null {
    const [start, end] = orderedPoints(selection);
    const last = Math.min(end.seq, this.store.getState().head);
    if (last - start.seq > AT_ONCE) return null;
    const lines: string[] = [];
    for (let seq = start.seq; seq <= last; seq++) {
      const row = this.row(seq);
      if (!row) return null;
      if (row.joins !== null || this.#heights.heightOf(seq - 1) === 0) continue;
      const part = selectedOf(selection, seq, row.text.length);
      if (part) lines.push(row.text.slice(part[0], part[1]));
    }
    return lines.join("\n");
  }

  /** The text of a selection as it is shown, read from wherever it is. */
  text(selection: TextSelection, signal: AbortSignal, onProgress?: (share: number) => void): Promise<string> {
    return textOf(this.store, selection, signal, {
      settings: this.#settings,
      hidden: (seq) => this.#folds.hides(seq),
      ...(onProgress ? { onProgress } : {}),
    });
  }

  setSettings(change: Partial<LogSettings>): void {
    const before = this.#settings;
    this.#settings = { ...before, ...change };
    const after = this.#settings;
    if (before.only !== after.only) this.#filterBy(after);
    if (
      before.wrap !== after.wrap ||
      before.level !== after.level ||
      before.stream !== after.stream ||
      before.only !== after.only ||
      before.progress !== after.progress
    ) {
      const row = this.#viewport.row;
      this.#scanLeft = SCAN_PAGES;
      this.#passing = null;
      this.#reflow(this.#heights.rowHeight);
      if (this.#follow) this.#viewport.toEnd();
      else this.#viewport.reveal(row, "top");
      void this.#narrow();
    }
    this.#invalidateNow(true);
  }

  #filterBy({ only }: LogSettings): void {
    this.#only?.stop();
    this.#only = only && new Marks(this.store, only, (pages) => this.#filtered(pages));
    this.#onlyFrom = Math.max(0, this.store.pageCount - 1);
  }

  /** It is known of some pages which of their lines pass. */
  #filtered(pages: readonly number[]): void {
    for (const page of pages) {
      this.#measurePage(page);
      if (this.#scanning && this.#heights.pageHeight(page) === 0) this.#scanLeft--;
    }
    if (this.#follow) this.#viewport.toEnd();
    this.#invalidate();
  }

  /** Whether a line passes the filter by text; undefined while that is not known. */
  #passes(row: Row): boolean | undefined {
    if (!this.#only || this.#only.broken) return true;
    const page = Math.floor((row.seq - 1) / PAGE_SIZE);
    if (this.#passing && page < this.#passing.before && !this.#passing.pages.has(page)) return false;
    const ranges = this.#only.of(row.seq, row.text);
    return ranges && ranges.length > 0;
  }

  /** Finds out which pages need not be fetched because the filters leave nothing of them. */
  async #narrow(): Promise<void> {
    this.#narrowing?.abort();
    const controller = new AbortController();
    this.#narrowing = controller;
    let passing: PassingPages | null;
    try {
      const { head } = this.store.getState();
      passing = await findPassing(this.store.source, this.#settings, head, controller.signal);
    } catch {
      // Without the server's help the filters work by what is fetched.
      return;
    }
    if (passing === null || controller.signal.aborted) return;
    this.#passing = passing;
    const row = this.#viewport.row;
    this.#hidePassedOver();
    if (this.#follow) this.#viewport.toEnd();
    else this.#viewport.reveal(row, "top");
    this.#invalidateNow(true);
  }

  #hidePassedOver(): void {
    if (!this.#passing) return;
    for (let page = 0; page < this.#passing.before; page++) {
      if (this.#passing.pages.has(page)) continue;
      if (this.#built.has(page)) this.#measurePage(page);
      else this.#heights.setRows(page, NO_HEIGHTS);
    }
  }

  /** Goes on looking for lines that the filters show. */
  lookFurther(): void {
    this.#scanLeft = SCAN_PAGES;
    this.#scanPaused = false;
    this.#invalidateNow();
  }

  /** Rows are seen otherwise: all are measured anew. */
  refresh(): void {
    const row = this.#viewport.row;
    this.#reflow(this.#heights.rowHeight);
    if (this.#follow) this.#viewport.toEnd();
    else this.#viewport.reveal(row, "top");
    this.#invalidateNow(true);
  }

  isExpanded(seq: number): boolean {
    return this.#expanded.has(seq);
  }

  toggle(seq: number): void {
    if (!this.#expanded.delete(seq)) this.#expanded.add(seq);
    this.#measured.delete(seq);
    this.#measurePage(Math.floor((seq - 1) / PAGE_SIZE));
    this.#invalidateNow();
  }

  /** Folds the group that begins at a row, or unfolds it. */
  async toggleGroup(seq: number): Promise<void> {
    const end = this.#folds.unfold(seq) ?? (await this.#folds.fold(seq));
    this.#measureRange(seq, end);
    this.#invalidateNow();
  }

  /** A drawn row turned out to be of another height. */
  measured(heights: ReadonlyMap<number, number>): void {
    const pages = new Set<number>();
    for (const [seq, height] of heights) {
      // A row that is not here yet counts as one of the usual height, however its place is drawn.
      if (height === this.#heights.heightOf(seq - 1) || this.row(seq) === null) continue;
      this.#measured.set(seq, height);
      pages.add(Math.floor((seq - 1) / PAGE_SIZE));
    }
    if (pages.size === 0) return;
    for (const page of pages) this.#measurePage(page);
    if (this.#follow) this.#viewport.toEnd();
    this.#invalidateNow();
  }

  /** The row of a line, where it is here. */
  row(seq: number): Row | null {
    return this.#built.get(Math.floor((seq - 1) / PAGE_SIZE))?.rows[(seq - 1) % PAGE_SIZE] ?? null;
  }

  /** The shown row after or before another, among those that are here. */
  neighbour(seq: number, direction: 1 | -1): number | null {
    const head = this.store.getState().head;
    for (let next = seq + direction; next >= 1 && next <= head; next += direction) {
      if (this.#heights.heightOf(next - 1) > 0) return next;
      if (Math.abs(next - seq) > 4 * PAGE_SIZE) return null;
    }
    return null;
  }

  /** Brings a row just into sight, for keys. */
  reveal(seq: number): void {
    this.#viewport.reveal(seq - 1, "nearest");
    if (this.#viewport.atEnd) this.#resume();
    else this.#pause();
    this.#invalidateNow(true);
  }

  /** The first row in sight. */
  get topSeq(): number {
    return this.#viewport.row + 1;
  }

  /** The last row in sight. */
  get bottomSeq(): number {
    return Math.max(1, this.#heights.at(this.#viewport.position + this.#viewport.height - 1).row + 1);
  }

  /** Where a line lies, as a share of the whole. */
  shareOf(seq: number): number {
    return this.#heights.total === 0 ? 0 : this.#heights.top(seq - 1) / this.#heights.total;
  }

  readonly #onStore = (): void => {
    this.find.arrived(this.store.getState().head);
    this.#invalidateNow();
  };

  #pause(): void {
    if (!this.#follow) return;
    this.#follow = false;
    this.#pausedAt = this.store.getState().head;
  }

  #resume(): void {
    this.#follow = true;
    this.#pending = null;
    this.#scanLeft = Math.max(this.#scanLeft, SCAN_PAGES / 2);
  }

  #invalidate(): void {
    if (this.#cancelFrame) return;
    this.#cancelFrame = onFrame(() => {
      this.#cancelFrame = null;
      this.#invalidateNow();
    });
  }

  #sync = false;

  #invalidateNow(sync = false): void {
    this.#sync ||= sync;
    this.#view = null;
    this.#stale = true;
    for (const listener of this.#listeners) listener();
  }

  #reflow(rowHeight: number): void {
    this.#measured.clear();
    this.#heights.reset(rowHeight);
    for (const page of this.#built.keys()) this.#measurePage(page);
    for (const [start, end] of this.#folds.ranges()) this.#measureRange(start, end);
    this.#hidePassedOver();
    this.#columns = this.#settings.wrap ? 0 : this.#columns;
  }

  #settlePending(): void {
    const pending = this.#pending;
    const { head, opening } = this.store.getState();
    if (!pending || head === 0 || this.#viewport.height === 0) return;
    const seq = Math.min(pending.seq, head);
    this.#heights.resize(head);
    let target = seq;
    const row = this.row(seq);
    if (row?.joins) target = row.joins;
    else if (row && this.#lens) {
      target = this.#lens.ownerOf(row).seq;
      // What is seen inside another row is seen when that is unfolded.
      if (target !== seq && !this.#expanded.has(target)) {
        this.#expanded.add(target);
        this.#measured.delete(target);
      }
    }
    this.#viewport.reveal(target - 1, pending.where);
    if (!opening && row) this.#pending = null;
  }

  /** Takes over what the store has, then says what to draw. */
  #draw(): LogView {
    if (this.#stale || this.#version === 0) {
      this.#stale = false;
      this.#takeOver();
    }
    this.#version++;
    const viewport = this.#viewport;
    const heights = this.#heights;
    const state = this.store.getState();
    if (this.#follow) viewport.toEnd();
    this.#settlePending();
    let scrollTo: number | null = null;
    if (this.#sync || this.#follow || viewport.mustSync) {
      this.#sync = false;
      const wanted = Math.round(viewport.wantedTop);
      if (Math.abs(wanted - viewport.top) >= 1) scrollTo = wanted;
      viewport.top = wanted;
    }
    // At the end nothing is scrolled to: what lies above is drawn when somebody goes there.
    const { first, last, y } = viewport.window(this.#follow ? 60 : Math.min(600, viewport.height));
    const rows: DrawnRow[] = [];
    const pages: number[] = [];
    this.#scanPaused = false;
    for (
      let page = Math.floor(first / PAGE_SIZE);
      page <= Math.floor(last / PAGE_SIZE) && last >= 0;
      page++
    ) {
      const built = this.#built.get(page);
      const empty = heights.pageHeight(page) === 0;
      if (empty) continue;
      if (!built && this.#scanning && this.#scanLeft <= 0) {
        this.#scanPaused = true;
        continue;
      }
      pages.push(page);
      const from = Math.max(first, page * PAGE_SIZE);
      const to = Math.min(last, (page + 1) * PAGE_SIZE - 1);
      for (let index = from; index <= to; index++) {
        if (heights.heightOf(index) === 0) continue;
        const here = built?.rows[index - page * PAGE_SIZE] ?? null;
        const row = here?.kind === "line" && this.#passes(here) === undefined ? null : here;
        const seq = index + 1;
        rows.push({
          seq,
          row,
          version: row?.version ?? 0,
          expanded: this.#expanded.has(seq),
          folded: this.#folds.has(seq),
          selected: this.#selection !== null && seq >= this.#selection.from && seq <= this.#selection.to,
          ranges: (row && this.find.marks?.of(seq, row.text)) ?? NO_RANGES,
        });
      }
    }
    if (this.#scanning && !this.#scanPaused) this.#lookAhead(pages);
    this.find.marks?.want(pages);
    // The newest lines are looked at even where none of them passed yet.
    const count = this.store.pageCount;
    this.#only?.want([...new Set([...pages, count - 2, count - 1])].filter((page) => page >= 0));
    // The page before says how its last line looks, which goes on over the edge.
    const edge = pages[0];
    if (edge !== undefined && edge > 0) pages.unshift(edge - 1);
    this.store.want(pages);
    const total = heights.total;
    return {
      rows,
      y,
      spacer: viewport.spacer,
      scrollTo,
      store: state,
      settings: this.#settings,
      follow: this.#follow,
      newLines: this.#follow ? 0 : Math.max(0, state.head - this.#pausedAt),
      start: total <= viewport.height ? 0 : viewport.position / total,
      share: total <= viewport.height ? 1 : viewport.height / total,
      selection: this.#selection,
      text: this.#text,
      columns: this.#columns,
      scanPaused: this.#scanPaused,
      origin: this.#origin,
      version: this.#version,
    };
  }

  /** Filters hide whole pages: looks at several at once on the side where there is still something to find. */
  #lookAhead(pages: number[]): void {
    const first = pages[0];
    const last = pages.at(-1);
    if (first !== undefined && !this.#built.has(first)) {
      for (let page = first - 1; page >= 0 && page > first - LOOK_AHEAD; page--) pages.unshift(page);
    }
    if (last !== undefined && !this.#built.has(last)) {
      const count = this.store.pageCount;
      for (let page = last + 1; page < count && page < last + LOOK_AHEAD; page++) pages.push(page);
    }
  }

  /** Whether pages are fetched to find out that they show nothing. */
  get #scanning(): boolean {
    return isFiltering(this.#settings) && this.#passing === null;
  }

  #takeOver(): void {
    const { head } = this.store.getState();
    this.#heights.resize(head);
    for (const page of this.#built.keys()) {
      if (this.store.page(page)) continue;
      this.#built.delete(page);
      this.#lens?.gone(page);
      this.#versions.delete(page);
      this.#heights.forgetRows(page);
    }
    // The store may hold more than it has told of: that has no place yet.
    const count = Math.ceil(head / PAGE_SIZE);
    for (const index of this.store.heldPages()) {
      const page = this.store.page(index);
      if (!page || index >= count) continue;
      const before: Carry = this.#built.get(index - 1)?.carry ?? NOTHING_OPEN;
      const previous = this.#built.get(index);
      if (previous && this.#versions.get(index) === page.version && previous.before === before) continue;
      const built = buildPage(page, before, describeEvent, previous);
      this.#built.set(index, built);
      this.#versions.set(index, page.version);
      for (const seq of this.#lens?.built(index, built) ?? []) {
        this.#measured.delete(seq);
        this.#measurePage(Math.floor((seq - 1) / PAGE_SIZE));
      }
      this.#measurePage(index);
      // A joined line may have grown in the page before.
      if (before !== NOTHING_OPEN) this.#measurePage(index - 1);
      if (this.#scanning && !previous && this.#heights.pageHeight(index) === 0) this.#scanLeft--;
      if (Number.isNaN(this.#origin) || index === 0) {
        const time = built.rows.find((row) => row !== null && !Number.isNaN(row.time))?.time;
        if (time !== undefined && !(time > this.#origin)) this.#origin = time;
      }
    }
  }

  setOrigin(origin: number): void {
    this.#origin = origin;
    this.#invalidate();
  }

  #measurePage(index: number): void {
    const built = this.#built.get(index);
    if (!built) return;
    const rowHeight = this.#heights.rowHeight;
    const heights: number[] = [];
    for (let i = 0; i < built.rows.length; i++) {
      const row = built.rows[i] as Row | null;
      heights.push(row === null ? rowHeight : this.#heightOf(row, rowHeight));
    }
    this.#heights.setRows(index, heights);
  }

  #heightOf(row: Row, rowHeight: number): number {
    const seen = this.#lens
      ? this.#lens.shown(row)
      : isShown(row, this.#settings, () => this.#mayPass(row)) && !this.#folds.hides(row.seq);
    if (!seen) return 0;
    const measured = this.#measured.get(row.seq);
    if (measured !== undefined) return measured;
    const shown = row.text.length > DRAWN_LIMIT ? row.text.slice(0, DRAWN_LIMIT) : row.text;
    let lines = 0;
    for (const line of shown.includes("\n") ? shown.split("\n") : [shown]) {
      const width = columns(line);
      if (this.#settings.wrap && this.#charsPerLine > 0)
        lines += Math.max(1, Math.ceil(width / this.#charsPerLine));
      else {
        if (width > this.#columns) this.#columns = width;
        lines++;
      }
    }
    return rowHeight * lines;
  }

  /** Whether a line passes, or takes room until it is known. */
  #mayPass(row: Row): boolean {
    return this.#passes(row) ?? Math.floor((row.seq - 1) / PAGE_SIZE) < this.#onlyFrom;
  }

  #measureRange(start: number, end: number): void {
    const first = Math.floor((start - 1) / PAGE_SIZE);
    const last = Math.min(Math.floor((end - 1) / PAGE_SIZE), this.store.pageCount - 1);
    const folded = this.#folds.has(start);
    for (let page = first; page <= last; page++) {
      if (this.#built.has(page)) this.#measurePage(page);
      else if (!folded) this.#heights.clearPage(page);
      else if (page * PAGE_SIZE + 1 > start && (page + 1) * PAGE_SIZE < end)
        this.#heights.setRows(page, NO_HEIGHTS);
    }
  }
}

const NO_RANGES: readonly TextRange[] = [];
const NO_HEIGHTS: readonly number[] = new Array<number>(PAGE_SIZE).fill(0);
