import { backoffMs } from "./backoff.js";
import { type ClaudeOpsError, RequestError } from "./errors.js";
import type { SystemStatusMessage } from "./protocol.gen.js";
import { call } from "./report.js";
import type { Subscription, SystemHandlers } from "./watch.js";

/** What the feed needs of its connection. */
export interface SystemHost {
  readonly open: boolean;
  subscribeSystem(intervalMs: number, ticket: number): void;
  unsubscribeSystem(): void;
}

interface Follower {
  readonly intervalMs: number;
  readonly handlers: SystemHandlers;
}

const retry = { baseMs: 1000, maxMs: 30_000 };

/** The host's figures, over one subscription with the shortest interval that anybody wants. */
export class SystemFeed {
  readonly #host: SystemHost;
  readonly #followers = new Set<Follower>();
  #askedMs: number | undefined;
  #ticket = 0;
  #troubles = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: SystemHost) {
    this.#host = host;
  }

  follow(intervalMs: number, handlers: SystemHandlers): Subscription {
    if (!(intervalMs > 0)) throw new RangeError("claudeops: the interval must be a number of milliseconds");
    const follower: Follower = { intervalMs: Math.ceil(intervalMs), handlers };
    this.#followers.add(follower);
    this.#reconcile();
    const followers = this.#followers;
    return {
      get active() {
        return followers.has(follower);
      },
      close: () => {
        if (followers.delete(follower)) this.#reconcile();
      },
    };
  }

  opened(): void {
    this.lost();
    this.#troubles = 0;
    this.#reconcile();
  }

  lost(): void {
    this.#askedMs = undefined;
    this.#ticket++;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  ended(error: ClaudeOpsError): void {
    this.lost();
    const followers = [...this.#followers];
    this.#followers.clear();
    for (const { handlers } of followers) {
      if (handlers.onError !== undefined) call(() => handlers.onError?.(error));
    }
  }

  status(status: SystemStatusMessage): void {
    this.#troubles = 0;
    for (const follower of [...this.#followers]) {
      if (this.#followers.has(follower)) call(() => follower.handlers.onStatus(status));
    }
  }

  refused(error: ClaudeOpsError, ticket: number): void {
    if (ticket !== this.#ticket) return;
    if (!error.retryable) {
      this.ended(error);
      return;
    }
    this.#askedMs = undefined;
    const after = error instanceof RequestError ? (error.retryAfterMs ?? 0) : 0;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#reconcile();
      },
      Math.max(after, backoffMs(++this.#troubles, retry)),
    );
  }

  #reconcile(): void {
    if (this.#followers.size === 0) {
      const wasOn = this.#askedMs !== undefined;
      this.lost();
      if (wasOn && this.#host.open) this.#host.unsubscribeSystem();
      return;
    }
    if (!this.#host.open || this.#timer !== undefined) return;
    const intervalMs = Math.min(...[...this.#followers].map((follower) => follower.intervalMs));
    if (intervalMs === this.#askedMs) return;
    this.#askedMs = intervalMs;
    this.#host.subscribeSystem(intervalMs, ++this.#ticket);
  }
}
