/** What a heartbeat does and learns. */
export interface HeartbeatHandlers {
  /** `timestamp` is to come back in the answer. */
  ping(timestamp: number): void;
  /** How long the answer took, and how far the server's clock is ahead (NaN when it did not say). */
  latency(ms: number, clockOffsetMs: number): void;
  /** Nothing came back in time. Called once; the heartbeat has stopped. */
  dead(): void;
}

/**
 * Pings at an interval, measures how long the answer takes, and calls a connection dead when after a
 * ping nothing at all has come within the timeout.
 */
export class Heartbeat {
  readonly #handlers: HeartbeatHandlers;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #next: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(handlers: HeartbeatHandlers, intervalMs: number, timeoutMs: number) {
    this.#handlers = handlers;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
  }

  /** Pings now; `timeoutMs` may make it wait less for the answer than usual. */
  beat(timeoutMs = this.#timeoutMs): void {
    if (this.#stopped) return;
    clearTimeout(this.#next);
    this.#next = setTimeout(() => this.beat(), this.#intervalMs);
    // An earlier ping that waits still keeps its deadline, unless this one's comes first.
    if (this.#deadline === undefined || timeoutMs < this.#timeoutMs) {
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(() => {
        this.stop();
        this.#handlers.dead();
      }, timeoutMs);
    }
    this.#handlers.ping(performance.now());
  }

  /** Something has come from the server. */
  alive(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /** The answer to a ping has come, with what the ping carried and the server's time. */
  pong(timestamp: unknown, serverTime: number): void {
    this.alive();
    const ms = typeof timestamp === "number" ? performance.now() - timestamp : Number.NaN;
    if (ms >= 0 && !this.#stopped) this.#handlers.latency(ms, serverTime + ms / 2 - Date.now());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
    clearTimeout(this.#deadline);
  }
}
