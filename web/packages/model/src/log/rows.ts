import type { Level, LogEvent, LogGap, Stream } from "./event.js";
import type { Page, Slot } from "./store.js";
import { isPlain, type Look, PLAIN_LOOK, plainText, type Span, TerminalLine } from "./terminal.js";
import { decodeUtf16 } from "./utf16.js";
import { characterWidth } from "./width.js";

/**
 * Makes the rows a viewer shows out of the events of pages. Every event has a row, so that row n is
 * event n at any size; rows that show nothing of their own (the rest of a line that came in parts, a
 * gap's inside, what a filter leaves out) have no height.
 */

export type RowKind =
  /** output */
  | "line"
  /** something that happened to the execution */
  | "note"
  /** something the reader must not miss: an end, a gap, output that was cut */
  | "mark";

export interface Row {
  readonly seq: number;
  readonly kind: RowKind;
  readonly type: string;
  readonly level: Level;
  readonly stream: Stream | null;
  /** Milliseconds since the epoch; NaN when unknown. */
  readonly time: number;
  /** What is shown: parts joined, as a terminal shows it. */
  text: string;
  /** Its pieces of one look; null where all of it is plain. */
  spans: readonly Span[] | null;
  /** How often the line was replaced by what came later. */
  rewrites: number;
  /** The line cleared the screen. */
  cleared: boolean;
  /** Events joined into this row. */
  parts: number;
  /** This row is the rest of the line that began at that seq. */
  readonly joins: number | null;
  /** Name of the group that begins here. */
  readonly groupStart: string | null;
  readonly groupEnd: boolean;
  readonly data: unknown;
  readonly event: LogEvent | LogGap | null;
  /** Changes when text does. */
  version: number;
}

type Streams<T> = Readonly<Partial<Record<Stream, T>>>;

/** What a page's lines leave for the next page's. */
export interface Carry {
  /** Lines that are not finished, one a stream. */
  readonly open: Streams<OpenLine>;
  /** How the next line looks, where it is not plain. */
  readonly looks: Streams<Look>;
}

interface OpenLine {
  readonly row: Row;
  /** Its terminal; never written to, because pages are built more than once: its clones are. */
  readonly line: TerminalLine;
  readonly parts: number;
}

export const NOTHING_OPEN: Carry = { open: {}, looks: {} };

interface Building {
  open: Partial<Record<Stream, OpenLine>>;
  looks: Partial<Record<Stream, Look>>;
}

export interface BuiltPage {
  readonly rows: readonly (Row | null)[];
  /** What stood open before the page; another one means that the page must be built again. */
  readonly before: Carry;
  readonly carry: Carry;
  /** The slots it was built from, to tell growth from change. */
  readonly slots: readonly Slot[];
}

/** Builds a page; one that has only grown since is continued, so that its rows stay the same objects. */
export function buildPage(page: Page, before: Carry, describe: Describe, previous?: BuiltPage): BuiltPage {
  const continues =
    previous !== undefined && previous.before === before && isPrefix(previous.slots, page.slots);
  const rows: (Row | null)[] = continues ? [...previous.rows] : [];
  const start = continues ? previous.carry : before;
  const state: Building = { open: { ...start.open }, looks: { ...start.looks } };
  for (let i = rows.length; i < page.slots.length; i++) {
    const slot = page.slots[i];
    if (slot === undefined) {
      rows.push(null);
      state.open = {};
      continue;
    }
    rows.push(buildRow(slot, page.base + i, state, describe));
  }
  return {
    rows,
    before,
    carry: Object.keys(state.open).length + Object.keys(state.looks).length === 0 ? NOTHING_OPEN : state,
    slots: [...page.slots],
  };
}

function isPrefix(shorter: readonly Slot[], longer: readonly Slot[]): boolean {
  if (shorter.length > longer.length) return false;
  for (let i = shorter.length - 1; i >= 0; i--) if (shorter[i] !== longer[i]) return false;
  return true;
}

/** Words for an event that is not a log line; null for a row that shows nothing. */
export type Describe = (event: LogEvent | LogGap) => { text: string; kind: RowKind; level?: Level } | null;

function buildRow(slot: Exclude<Slot, undefined>, seq: number, state: Building, describe: Describe): Row {
  if (slot.type === "logs:gap") {
    const gap = slot as LogGap;
    const begins = gap.from === seq;
    const words = describe(gap);
    return row(seq, "mark", "logs:gap", {
      event: gap,
      level: "warn",
      text: words?.text ?? "",
      joins: begins ? null : gap.from,
    });
  }
  const event = slot as LogEvent;
  const time = Date.parse(event.timestamp);
  if (event.type !== "execution:log") {
    const words = describe(event);
    return row(seq, words?.kind ?? "note", event.type, {
      event,
      time,
      level: words?.level ?? "info",
      text: plainText(words?.text ?? ""),
      parts: words ? 1 : 0,
    });
  }
  const stream = event.stream ?? "stdout";
  const message = decodeUtf16(event.message ?? "", event.raw) ?? event.message ?? "";
  const unfinished = state.open[stream];
  if (unfinished && !unfinished.line.full) {
    const line = unfinished.line.clone();
    line.write(message);
    const target = unfinished.row;
    const parts = unfinished.parts + 1;
    finish(line, event, target, parts, stream, state);
    target.parts = parts;
    target.version++;
    return row(seq, "line", event.type, {
      event,
      time,
      stream,
      level: event.level ?? "info",
      joins: target.seq,
    });
  }
  const group = groupOf(event.data);
  const look = state.looks[stream] ?? PLAIN_LOOK;
  const made = row(
    seq,
    group.progress ? "note" : "line",
    group.progress ? "execution:progress" : event.type,
    {
      event,
      time,
      stream,
      level: event.level ?? "info",
      text: message,
      parts: 1,
      data: group.rest,
      groupStart: group.start,
      groupEnd: group.end,
    },
  );
  if (!unfinished && !event.partial && look === PLAIN_LOOK && isPlain(message)) return made;
  const line = unfinished ? unfinished.line.next() : new TerminalLine(look);
  line.write(message);
  finish(line, event, made, 1, stream, state);
  return made;
}

/** Shows in a row what its terminal shows, and keeps what goes on. */
function finish(
  line: TerminalLine,
  event: LogEvent,
  target: Row,
  parts: number,
  stream: Stream,
  state: Building,
): void {
  if (event.partial) state.open[stream] = { row: target, line, parts };
  else {
    line.end();
    delete state.open[stream];
    const { look } = line;
    if (look.style === null && look.href === undefined) delete state.looks[stream];
    else state.looks[stream] = look;
  }
  const spans = line.spans();
  target.text = line.text;
  target.spans = spans.every((span) => span.style === null && span.href === undefined) ? null : spans;
  target.rewrites = line.rewrites;
  target.cleared = line.cleared;
}

function row(seq: number, kind: RowKind, type: string, fields: Partial<Row>): Row {
  return {
    seq,
    kind,
    type,
    level: "info",
    stream: null,
    time: Number.NaN,
    text: "",
    spans: null,
    rewrites: 0,
    cleared: false,
    parts: 1,
    joins: null,
    groupStart: null,
    groupEnd: false,
    data: undefined,
    event: null,
    version: 0,
    ...fields,
  };
}

/**
 * What a line's data says of the line itself: `{command: "group", group}` and `{command: "endgroup"}`
 * fold, the other commands are told by their level. Any other data can be looked at.
 */
function groupOf(data: unknown): { start: string | null; end: boolean; progress: boolean; rest: unknown } {
  const nothing = { start: null, end: false, progress: false, rest: undefined };
  if (data === undefined || data === null) return nothing;
  if (typeof data !== "object" || Array.isArray(data)) return { ...nothing, rest: data };
  const { command, group } = data as Record<string, unknown>;
  switch (command) {
    case "group":
      return { ...nothing, start: typeof group === "string" ? group : "" };
    case "endgroup":
      return { ...nothing, end: true };
    case "progress":
      return { ...nothing, progress: true };
    case "debug":
    case "warning":
    case "error":
      return nothing;
    default:
      return { ...nothing, rest: data };
  }
}

/** 1 where a group begins, -1 where one ends, else 0. */
export function groupStep(event: LogEvent): number {
  const { start, end } = groupOf(event.data);
  return start !== null ? 1 : end ? -1 : 0;
}

/** Columns a text takes in a fixed-width font: tabs to the next eighth, wide characters two. */
export function columns(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    width += code === 9 ? 8 - (width % 8) : characterWidth(code);
  }
  return width;
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** Characters of a row drawn at once; a longer line is cut with a button that shows the rest. */
export const DRAWN_LIMIT = 4096;

/** JSON worth unfolding, or undefined. */
export function jsonOf(text: string): unknown {
  const trimmed = text.trim();
  const first = trimmed[0];
  if (first !== "{" && first !== "[") return undefined;
  const last = trimmed[trimmed.length - 1];
  if ((first === "{" && last !== "}") || (first === "[" && last !== "]") || trimmed.length < 8)
    return undefined;
  try {
    const value: unknown = JSON.parse(trimmed);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
