import { collapseReturns, plainText } from "./ansi.js";
import type { Level, LogEvent, LogGap, Stream } from "./event.js";
import type { Page, Slot } from "./store.js";

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
  /** What is shown: parts joined, rewrites collapsed, escapes still in it. */
  text: string;
  /** How often the line rewrote itself with carriage returns. */
  rewrites: number;
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

/** Characters of one line that are joined at most; a longer one goes on in the next row. */
const JOIN_LIMIT = 64 * 1024;

/** The lines that are not finished at a page's end, one a stream. */
export interface Carry {
  readonly open: Readonly<Partial<Record<Stream, OpenLine>>>;
}

interface OpenLine {
  readonly row: Row;
  /** What was joined so far and still shows. */
  readonly raw: string;
  readonly parts: number;
  readonly rewrites: number;
}

export const NOTHING_OPEN: Carry = { open: {} };

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
  const open: Partial<Record<Stream, OpenLine>> = { ...(continues ? previous.carry.open : before.open) };
  for (let i = rows.length; i < page.slots.length; i++) {
    const slot = page.slots[i];
    if (slot === undefined) {
      rows.push(null);
      delete open.stdout;
      delete open.stderr;
      delete open.agent;
      continue;
    }
    rows.push(buildRow(slot, page.base + i, open, describe));
  }
  return {
    rows,
    before,
    carry: Object.keys(open).length === 0 ? NOTHING_OPEN : { open },
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

function buildRow(
  slot: Exclude<Slot, undefined>,
  seq: number,
  open: Partial<Record<Stream, OpenLine>>,
  describe: Describe,
): Row {
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
      text: words?.text ?? "",
      parts: words ? 1 : 0,
    });
  }
  const stream = event.stream ?? "stdout";
  const message = event.message ?? "";
  const unfinished = open[stream];
  if (unfinished && unfinished.raw.length + message.length <= JOIN_LIMIT) {
    const raw = unfinished.raw + message;
    const collapsed = collapseReturns(raw);
    const target = unfinished.row;
    const parts = unfinished.parts + 1;
    const rewrites = unfinished.rewrites + collapsed.rewrites;
    target.text = collapsed.text;
    target.parts = parts;
    target.rewrites = rewrites;
    target.version++;
    // Only what still shows is carried, so that an hour of progress does not pile up.
    if (event.partial) {
      open[stream] = {
        row: target,
        raw: collapsed.rewrites > 0 ? raw.slice(collapsed.at) : raw,
        parts,
        rewrites,
      };
    } else delete open[stream];
    return row(seq, "line", event.type, {
      event,
      time,
      stream,
      level: event.level ?? "info",
      joins: target.seq,
    });
  }
  const collapsed = collapseReturns(message);
  const group = groupOf(event.data);
  const made = row(
    seq,
    group.progress ? "note" : "line",
    group.progress ? "execution:progress" : event.type,
    {
      event,
      time,
      stream,
      level: event.level ?? "info",
      text: collapsed.text,
      rewrites: collapsed.rewrites,
      parts: 1,
      data: group.rest,
      groupStart: group.start,
      groupEnd: group.end,
    },
  );
  if (event.partial) open[stream] = { row: made, raw: message, parts: 1, rewrites: collapsed.rewrites };
  else delete open[stream];
  return made;
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
    rewrites: 0,
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
  for (const character of plainText(text)) {
    const code = character.codePointAt(0) as number;
    if (code === 9) width += 8 - (width % 8);
    else if (isWide(code)) width += 2;
    else if (!isCombining(code)) width += 1;
  }
  return width;
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

function isCombining(code: number): boolean {
  return (
    (code >= 0x300 && code <= 0x36f) ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0xfe00 && code <= 0xfe0f)
  );
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

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
