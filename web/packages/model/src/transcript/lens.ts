import type { LogEvent } from "../log/event.js";
import type { BuiltPage, Row } from "../log/rows.js";
import { entryOf, type TranscriptEntry } from "./entry.js";

/** Decides how a model's rows are seen: which are shown, and as part of which. */
export interface Lens {
  shown(row: Row): boolean;
  /** The row that a row is seen in. */
  ownerOf(row: Row): Row;
  /** A page was built; gives rows of other pages that are seen otherwise now. */
  built(page: number, built: BuiltPage): readonly number[];
  gone(page: number): void;
}

interface Call {
  tool: Row | null;
  result: Row | null;
}

/**
 * Sees a log as a conversation: a tool's result belongs to the row of its call, wherever both are
 * here; what says nothing to a reader is left out.
 */
export class TranscriptLens implements Lens {
  readonly #calls = new Map<string, Call>();
  readonly #ids = new Map<number, Set<string>>();
  #raw = false;

  /** Whether messages that say nothing to a reader are shown too. */
  get raw(): boolean {
    return this.#raw;
  }

  setRaw(raw: boolean): void {
    this.#raw = raw;
  }

  entry(row: Row): TranscriptEntry | null {
    return row.event && row.kind !== "mark" ? entryOf(row.event as LogEvent) : null;
  }

  /** What came of a tool call, where that is known. */
  resultOf(entry: TranscriptEntry): Row | null {
    return (entry.id !== null && this.#calls.get(entry.id)?.result) || null;
  }

  /** The row that a row is seen in: its call for a result. */
  ownerOf(row: Row): Row {
    const entry = this.entry(row);
    if (entry?.kind !== "tool_result" || entry.id === null) return row;
    return this.#calls.get(entry.id)?.tool ?? row;
  }

  /** How many subagents deep something is said. */
  depthOf(entry: TranscriptEntry | null): number {
    let depth = 0;
    for (let parent = entry?.parent ?? null; parent !== null && depth < 8; depth++) {
      const tool: Row | null = this.#calls.get(parent)?.tool ?? null;
      parent = (tool && this.entry(tool)?.parent) ?? null;
    }
    return depth;
  }

  shown(row: Row): boolean {
    if (row.joins !== null) return false;
    if (row.kind === "mark") return true;
    const entry = this.entry(row);
    if (entry === null) {
      if (row.kind === "line") return row.stream !== "stdout" || row.level !== "debug" || this.#raw;
      return row.type === "execution:started" || this.#raw;
    }
    if (entry.kind === "raw") return this.#raw;
    if (entry.kind === "tool_result") return this.ownerOf(row) === row;
    return row.text.trim() !== "" || entry.kind === "tool" || entry.kind === "todo";
  }

  built(page: number, built: BuiltPage): readonly number[] {
    const changed: number[] = [];
    const ids = this.#ids.get(page) ?? new Set<string>();
    this.#ids.set(page, ids);
    for (const row of built.rows) {
      const entry = row && this.entry(row);
      if (!row || !entry || entry.id === null || (entry.kind !== "tool" && entry.kind !== "tool_result"))
        continue;
      const call = this.#calls.get(entry.id) ?? { tool: null, result: null };
      this.#calls.set(entry.id, call);
      ids.add(entry.id);
      if (entry.kind === "tool") {
        if (call.tool !== row && call.result) changed.push(call.result.seq);
        call.tool = row;
      } else if (call.result !== row) {
        call.result = row;
        if (call.tool) {
          call.tool.version++;
          changed.push(call.tool.seq);
        }
      }
    }
    return changed;
  }

  gone(page: number): void {
    const ids = this.#ids.get(page);
    this.#ids.delete(page);
    if (!ids) return;
    const kept = new Set<string>();
    for (const others of this.#ids.values()) for (const id of others) kept.add(id);
    for (const id of ids) if (!kept.has(id)) this.#calls.delete(id);
  }
}
