import type { Priority } from "./connection.js";
import { QueueFullError } from "./errors.js";
import type { QueueOptions } from "./options.js";
import type { ClientMessage } from "./protocol.gen.js";

/** A message that is to be sent, and its line. */
export interface Outgoing {
  readonly message: ClientMessage;
  readonly line: string;
  readonly priority: Priority;
}

/** What waits to be sent, by priority and then in order, within bounds. */
export class OutgoingQueue {
  readonly #limits: QueueOptions;
  readonly #waiting: Readonly<Record<Priority, Outgoing[]>> = { high: [], normal: [], low: [] };
  #count = 0;
  #chars = 0;

  constructor(limits: QueueOptions) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#count;
  }

  /**
   * Takes a message in. Throws a QueueFullError when there is no room; what the connection itself
   * needs (`mandatory`) is bounded by what is watched, and always finds room.
   */
  push(item: Outgoing, mandatory = false): void {
    const { maxMessages, maxChars } = this.#limits;
    if (!mandatory && (this.#count >= maxMessages || this.#chars + item.line.length > maxChars)) {
      throw new QueueFullError(
        `${this.#count} messages (${this.#chars} characters) wait to be sent, and ${maxMessages} (${maxChars}) may; wait for the connection, or for the answers`,
      );
    }
    this.#add(item, "push");
  }

  /** Takes back what was given out and may be sent again: it goes ahead of its like. */
  putBack(items: readonly Outgoing[]): void {
    for (const item of items.toReversed()) this.#add(item, "unshift");
  }

  /** Takes a message out that need not be sent any more. */
  remove(item: Outgoing): void {
    const lane = this.#waiting[item.priority];
    const at = lane.indexOf(item);
    if (at >= 0) this.#gone(lane.splice(at, 1));
  }

  /** Gives out the next messages: as many as fit in a frame, and one at least unless none may go. */
  take(maxMessages: number, maxBytes: number): Outgoing[] {
    const taken: Outgoing[] = [];
    let bytes = 0;
    for (const lane of [this.#waiting.high, this.#waiting.normal, this.#waiting.low]) {
      let n = 0;
      for (const { line } of lane) {
        if (taken.length + n >= maxMessages) break;
        const size = encoder.encode(line).length + 1;
        if (taken.length + n > 0 && bytes + size > maxBytes) break;
        bytes += size;
        n++;
      }
      const complete = n === lane.length;
      taken.push(...lane.splice(0, n));
      if (!complete) break;
    }
    this.#gone(taken);
    return taken;
  }

  /** Empties it. */
  clear(): Outgoing[] {
    return this.take(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  #add(item: Outgoing, how: "push" | "unshift"): void {
    this.#waiting[item.priority][how](item);
    this.#count++;
    this.#chars += item.line.length;
  }

  #gone(items: readonly Outgoing[]): void {
    for (const { line } of items) {
      this.#count--;
      this.#chars -= line.length;
    }
  }
}

const encoder = new TextEncoder();
