import { describeEvent } from "./describe.js";
import type { LogEvent } from "./event.js";
import { type BuiltPage, buildPage, type Carry, NOTHING_OPEN, type Row } from "./rows.js";
import { orderedPoints, selectedOf, type TextSelection } from "./selection.js";
import type { LogSettings } from "./settings.js";
import { isShown } from "./settings.js";
import { type LogStore, PAGE_SIZE, type Slot } from "./store.js";

export interface TextOptions {
  /** Lines that are not shown are left out: filtered, or folded away. Default: all lines are shown. */
  readonly settings?: LogSettings;
  readonly hidden?: (seq: number) => boolean;
  /** Told how far it is, from 0 to 1. */
  onProgress?(share: number): void;
}

/** The text of what is selected, as it is shown: fetched where it is not here, of any length. */
export async function textOf(
  store: LogStore,
  selection: TextSelection,
  signal: AbortSignal,
  { settings, hidden, onProgress }: TextOptions = {},
): Promise<string> {
  const [start, end] = orderedPoints(selection);
  const { head } = store.getState();
  const last = Math.min(end.seq, head);
  const passing = settings?.only ? await passingLines(store, start.seq, last, settings, signal) : null;
  const rows: Row[] = [];
  const take = (built: BuiltPage) => {
    for (const row of built.rows) {
      if (!row || row.seq < start.seq || row.seq > last || row.joins !== null) continue;
      if (hidden?.(row.seq)) continue;
      if (settings && !isShown(row, settings, () => passing?.has(row.seq) ?? true)) continue;
      if (!settings && (row.text === "" ? row.kind !== "line" : row.kind === "note")) continue;
      rows.push(row);
    }
  };
  // A line may begin before, and goes on to its end, which may lie behind the selection.
  let page = Math.max(0, Math.floor((start.seq - 1) / PAGE_SIZE) - 1);
  let slots: Slot[] = [];
  let carry: Carry = NOTHING_OPEN;
  const flush = () => {
    const built = buildPage(
      { index: page, base: page * PAGE_SIZE + 1, slots, filled: slots.length, version: 0 },
      carry,
      describeEvent,
    );
    take(built);
    carry = built.carry;
    slots = [];
    page++;
  };
  for await (const batch of store.scan(page * PAGE_SIZE + 1, head, signal)) {
    signal.throwIfAborted();
    for (const item of batch) {
      const from = "seq" in item ? item.seq : item.from;
      const to = "seq" in item ? item.seq : item.to;
      for (let seq = from; seq <= to; seq++) {
        while (page * PAGE_SIZE + slots.length + 1 < seq && page * PAGE_SIZE + slots.length < head) {
          slots.push(undefined);
          if (slots.length === PAGE_SIZE) flush();
        }
        slots.push(item);
        if (slots.length === PAGE_SIZE) flush();
      }
    }
    const at = page * PAGE_SIZE + slots.length;
    onProgress?.(last <= start.seq ? 1 : Math.min(1, Math.max(0, (at - start.seq) / (last - start.seq))));
    if (at > last && Object.keys(carry.open).length === 0 && !goesOn(slots, last - page * PAGE_SIZE)) break;
  }
  if (slots.length > 0) flush();
  return rows
    .map((row) => {
      const range = selectedOf(selection, row.seq, row.text.length);
      return range ? row.text.slice(range[0], range[1]) : "";
    })
    .join("\n");
}

/** Whether a line that is selected is not complete among the events that were read. */
function goesOn(slots: readonly Slot[], last: number): boolean {
  for (let i = 0; i <= Math.min(last - 1, slots.length - 1); i++) {
    const slot = slots[i];
    if (!slot || !("seq" in slot) || !(slot as LogEvent).partial) continue;
    const { stream } = slot as LogEvent;
    if (
      !slots
        .slice(i + 1)
        .some((other) => other && "seq" in other && other.stream === stream && !other.partial)
    ) {
      return true;
    }
  }
  return false;
}

async function passingLines(
  store: LogStore,
  from: number,
  to: number,
  { only }: LogSettings,
  signal: AbortSignal,
): Promise<ReadonlySet<number> | null> {
  if (!only || !store.source.search) return null;
  const seqs = new Set<number>();
  for (let after = from - 1, full = true; full; ) {
    const before = seqs.size;
    await store.source.search(
      { ...only, from: after, to, limit: 10_000 },
      (matches) => {
        for (const { seq } of matches) {
          seqs.add(seq);
          after = Math.max(after, seq);
        }
      },
      signal,
    );
    full = seqs.size - before >= 10_000;
  }
  return seqs;
}
