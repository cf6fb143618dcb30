import { backoffMs } from "./backoff.js";
import { type ClaudeOpsError, RequestError } from "./errors.js";
import type { ExecutionRecord, Status } from "./protocol.gen.js";
import { call } from "./report.js";
import type {
  ExecutionsFilter,
  ExecutionsHandlers,
  LifecycleEvent,
  Subscription,
  WatchedEvent,
} from "./watch.js";

/** What the feed needs of its connection. */
export interface FeedHost {
  readonly open: boolean;
  subscribeExecutions(filter: { agentType?: string; status?: string }, ticket: number): void;
  unsubscribeExecutions(): void;
}

interface Follower {
  readonly filter: NormalFilter;
  readonly handlers: ExecutionsHandlers;
}

interface NormalFilter {
  readonly agentType: string | undefined;
  /** Sorted; empty: all. */
  readonly status: readonly Status[];
}

const retry = { baseMs: 1000, maxMs: 30_000 };

/**
 * The lifecycle of all executions, over one subscription for any number of followers. An event that a
 * watch of its execution brought counts here too, for the server does not send it a second time.
 */
export class ExecutionsFeed {
  readonly #host: FeedHost;
  readonly #followers = new Set<Follower>();
  #phase: "idle" | "asking" | "live" = "idle";
  #ticket = 0;
  #asked = "";
  /** The last seq known of each execution: of its record in the snapshot, or of an event since. */
  readonly #seen = new Map<string, number>();
  readonly #agents = new Map<string, string>();
  /** Ids sort by creation: what is above is younger than the snapshot. */
  #youngest = "";
  #batch: LifecycleEvent[] = [];
  #troubles = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: FeedHost) {
    this.#host = host;
  }

  get active(): boolean {
    return this.#phase !== "idle";
  }

  follow(filter: ExecutionsFilter, handlers: ExecutionsHandlers): Subscription {
    const follower: Follower = { filter: normal(filter), handlers };
    this.#followers.add(follower);
    // Whoever joins needs a snapshot, and the server gives one to whoever subscribes.
    this.#reconcile(true);
    const followers = this.#followers;
    return {
      get active() {
        return followers.has(follower);
      },
      close: () => {
        if (followers.delete(follower)) this.#reconcile(false);
      },
    };
  }

  opened(): void {
    this.#idle();
    this.#troubles = 0;
    this.#reconcile(true);
  }

  lost(): void {
    this.#idle();
  }

  ended(error: ClaudeOpsError): void {
    this.#idle();
    const followers = [...this.#followers];
    this.#followers.clear();
    for (const { handlers } of followers) {
      if (handlers.onError !== undefined) call(() => handlers.onError?.(error));
    }
  }

  /** All executions as they are now. It comes with the subscription, and whenever the server skipped something. */
  snapshot(executions: readonly ExecutionRecord[]): void {
    if (this.#phase === "idle") return;
    this.flush();
    this.#phase = "live";
    this.#troubles = 0;
    this.#seen.clear();
    this.#agents.clear();
    this.#youngest = "";
    for (const { executionId, head, agentType } of executions) {
      this.#seen.set(executionId, head);
      this.#agents.set(executionId, agentType);
      if (executionId > this.#youngest) this.#youngest = executionId;
    }
    for (const follower of [...this.#followers]) {
      const { agentType, status } = follower.filter;
      const wanted = executions.filter(
        (record) =>
          (agentType === undefined || agentType === record.agentType) &&
          (status.length === 0 || status.includes(record.status)),
      );
      this.#give(follower, (handlers) => handlers.onSnapshot(wanted));
    }
  }

  /** The server does not send it. */
  refused(error: ClaudeOpsError, ticket: number): void {
    if (this.#phase === "idle" || ticket !== this.#ticket) return;
    if (!error.retryable) {
      this.ended(error);
      return;
    }
    this.#phase = "idle";
    const after = error instanceof RequestError ? (error.retryAfterMs ?? 0) : 0;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#reconcile(true);
      },
      Math.max(after, backoffMs(++this.#troubles, retry)),
    );
  }

  /**
   * Takes any event that came over the connection. `watched` says that a watch of its execution may
   * have brought it, which also brings what happened long ago.
   */
  event(event: WatchedEvent, watched: boolean): void {
    if (this.#phase !== "live" || event.type === "execution:log") return;
    const { executionId, seq } = event;
    const seen =
      this.#seen.get(executionId) ??
      (watched && executionId <= this.#youngest ? Number.POSITIVE_INFINITY : 0);
    if (seq <= seen) return;
    this.#seen.set(executionId, seq);
    if (event.type === "execution:queued" || event.type === "execution:started") {
      this.#agents.set(executionId, event.agentType);
    }
    this.#batch.push(event);
  }

  /** Gives the followers what has been taken since the last time. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    for (const follower of [...this.#followers]) {
      const { agentType } = follower.filter;
      const wanted = batch.filter(
        ({ executionId }) => agentType === undefined || agentType === this.#agents.get(executionId),
      );
      if (wanted.length > 0) this.#give(follower, (handlers) => handlers.onEvents(wanted));
    }
  }

  /** Calls a follower, unless another's handler has ended it meanwhile. */
  #give(follower: Follower, what: (handlers: ExecutionsHandlers) => void): void {
    if (this.#followers.has(follower)) call(() => what(follower.handlers));
  }

  #reconcile(anew: boolean): void {
    if (this.#followers.size === 0) {
      const wasOn = this.#phase !== "idle";
      this.#idle();
      if (wasOn && this.#host.open) this.#host.unsubscribeExecutions();
      return;
    }
    if (!this.#host.open || this.#timer !== undefined) return;
    const filter = this.#wanted();
    const asked = JSON.stringify(filter);
    if (!anew && this.#phase !== "idle" && asked === this.#asked) return;
    this.#phase = "asking";
    this.#asked = asked;
    this.#host.subscribeExecutions(filter, ++this.#ticket);
  }

  /** One subscription for all: what they agree on, or everything. */
  #wanted(): { agentType?: string; status?: string } {
    const filters = [...this.#followers].map(({ filter }) => filter);
    const [first] = filters;
    if (first === undefined) return {};
    const status = first.status.join(",");
    const sameAgent = filters.every(({ agentType }) => agentType === first.agentType);
    const sameStatus = filters.every((filter) => filter.status.join(",") === status);
    return {
      ...(sameAgent && first.agentType !== undefined ? { agentType: first.agentType } : {}),
      ...(sameStatus && status !== "" ? { status } : {}),
    };
  }

  #idle(): void {
    this.#phase = "idle";
    this.#ticket++;
    this.#batch = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function normal({ agentType, status }: ExecutionsFilter): NormalFilter {
  const list = status === undefined ? [] : typeof status === "string" ? [status] : [...status];
  return { agentType: agentType || undefined, status: list.sort() };
}
