import { type ClaudeOpsError, RequestError } from "./errors.js";
import type { ExecutionWatch, WatchHandlers, WatchStart } from "./watch.js";

/** Something that can follow an execution, up to a limit of its own. */
export interface WatchPlace {
  /** Whether one more execution can be followed, as far as is known. */
  hasRoom(executionId: string): boolean;
  watch(executionId: string, start: WatchStart, handlers: WatchHandlers): ExecutionWatch;
}

/**
 * A watch that finds a place with room: the server bounds how many executions one connection follows,
 * and what is over the bound goes to a further connection. It keeps its cursor when it moves.
 */
export class SpreadWatch implements ExecutionWatch {
  readonly executionId: string;
  readonly #handlers: WatchHandlers;
  readonly #place: (index: number) => WatchPlace;
  #start: WatchStart;
  #inner: ExecutionWatch;
  #paused = false;

  constructor(
    executionId: string,
    start: WatchStart,
    handlers: WatchHandlers,
    place: (index: number) => WatchPlace,
  ) {
    this.executionId = executionId;
    this.#handlers = handlers;
    this.#place = place;
    this.#start = start;
    this.#inner = this.#open(0, start);
  }

  get cursor(): number {
    return this.#inner.cursor;
  }
  get head(): number {
    return this.#inner.head;
  }
  get active(): boolean {
    return this.#inner.active;
  }

  pause(): void {
    this.#paused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#inner.resume();
  }

  seek(start: WatchStart): void {
    this.#inner.seek(start);
    this.#start = start;
  }

  close(): void {
    this.#inner.close();
  }

  /** Watches in the first place from `index` on that has room. */
  #open(index: number, start: WatchStart): ExecutionWatch {
    let at = index;
    while (!this.#place(at).hasRoom(this.executionId)) at++;
    const handlers = this.#handlers;
    const { onSubscribed, onGap, onEnd } = handlers;
    return this.#place(at).watch(this.executionId, start, {
      onEvents: (events) => handlers.onEvents(events),
      ...(onSubscribed && { onSubscribed: (where) => onSubscribed.call(handlers, where) }),
      ...(onGap && { onGap: (gap) => onGap.call(handlers, gap) }),
      ...(onEnd && { onEnd: (event) => onEnd.call(handlers, event) }),
      onError: (error) => this.#failed(at, error),
    });
  }

  #failed(index: number, error: ClaudeOpsError): void {
    if (!(error instanceof RequestError && error.code === "limit_reached")) {
      this.#handlers.onError?.(error);
      return;
    }
    const { cursor } = this.#inner;
    this.#inner = this.#open(index + 1, cursor < 0 ? this.#start : { since: cursor });
    if (this.#paused) this.#inner.pause();
  }
}
