import { isTerminalType } from "@claudeops/client";
import { groupStep } from "./rows.js";
import type { LogStore } from "./store.js";

/** Groups that are folded away: everything between the line one begins with and the one that ends it. */
export class Folds {
  readonly #store: LogStore;
  /** The row a group begins at, and the row it ends before. */
  readonly #ends = new Map<number, number>();

  constructor(store: LogStore) {
    this.#store = store;
  }

  has(seq: number): boolean {
    return this.#ends.has(seq);
  }

  /** Whether a row lies inside a folded group. */
  hides(seq: number): boolean {
    for (const [start, end] of this.#ends) if (seq > start && seq < end) return true;
    return false;
  }

  ranges(): Iterable<readonly [number, number]> {
    return this.#ends;
  }

  /** Folds the group that begins at a row; gives the row it ends before. */
  async fold(seq: number): Promise<number> {
    const end = await this.#endOf(seq);
    this.#ends.set(seq, end);
    return end;
  }

  /** Unfolds it; gives where it ended, or undefined when it was not folded. */
  unfold(seq: number): number | undefined {
    const end = this.#ends.get(seq);
    this.#ends.delete(seq);
    return end;
  }

  /** The row at which a group's inside is over: its own end, or the end of the log. */
  async #endOf(seq: number): Promise<number> {
    const { head } = this.#store.getState();
    let depth = 1;
    for await (const batch of this.#store.scan(seq + 1, head, new AbortController().signal)) {
      for (const item of batch) {
        if (!("seq" in item)) continue;
        depth += groupStep(item);
        if (depth === 0 || isTerminalType(item.type)) return item.seq;
      }
    }
    return head + 1;
  }
}
