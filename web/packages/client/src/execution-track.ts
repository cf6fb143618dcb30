import { backoffMs } from "./backoff.js";
import { type ClaudeOpsError, RequestError } from "./errors.js";
import { isTerminal } from "./fold.js";
import { isSeq } from "./frame.js";
import type { ExecutionRecord, FailedEvent, LogsGapMessage, LogsSubscribedMessage } from "./protocol.gen.js";
import { call } from "./report.js";
import type { ExecutionWatch, TerminalEvent, WatchedEvent, WatchHandlers, WatchStart } from "./watch.js";

/** What a track needs of its connection. */
export interface TrackHost {
  /** Whether messages can reach the server now. */
  readonly open: boolean;
  /** Whether the feed of all executions runs on this connection too: it may bring events out of turn. */
  readonly feedActive: boolean;
  /** Asks for events; what is answered comes back by `subscribed` or `refused`, with the same ticket. */
  subscribeLogs(track: ExecutionTrack, start: { since: number } | { tail: number }, ticket: number): void;
  unsubscribeLogs(executionId: string): void;
  /** Nobody watches this execution any more. */
  release(track: ExecutionTrack): void;
}

/** How long the server may stay silent about a lost part before it is asked again. */
const stalledMs = 5000;

const retry = { baseMs: 1000, maxMs: 30_000 };

/**
 * One execution that is watched, by any number of watchers, over one subscription. It sees to it that
 * each watcher gets every event once and in order: what comes again is ignored, and when something is
 * missing the server is asked for everything after the last event had.
 */
export class ExecutionTrack {
  readonly executionId: string;
  readonly #host: TrackHost;
  readonly #watchers = new Set<Watcher>();

  /** `idle`: nothing is asked for. `asking`: waits for the answer to `#ticket`. `live`: events come. */
  #phase: "idle" | "asking" | "live" = "idle";
  #ticket = 0;
  #asked: { since: number } | { tail: number } = { since: 0 };
  /** The seq that comes next over the subscription. */
  #next = 1;
  /** The newest seq known to exist; -1 before anything is known. */
  #head = -1;
  /** Whether the server has told over this subscription where the end is. */
  #located = false;
  #troubles = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The newest event the feed of all executions has brought ahead of its turn. */
  #announced = 0;
  /** Watchers are being told something: what they change meanwhile is looked at when all have been. */
  #telling = false;
  /** Events accepted from the frame that is being read. */
  #batch: WatchedEvent[] = [];

  constructor(executionId: string, host: TrackHost) {
    this.executionId = executionId;
    this.#host = host;
  }

  /** The last seq had over the subscription; undefined when there is none. */
  get cursor(): number | undefined {
    return this.#phase === "idle" ? undefined : this.#next - 1;
  }

  get head(): number {
    return this.#head;
  }

  watch(start: WatchStart, handlers: WatchHandlers): ExecutionWatch {
    const watcher = new Watcher(this, start, handlers);
    this.#watchers.add(watcher);
    this.reconcile();
    return watcher;
  }

  /** A watcher has paused, resumed, moved or left: asks the server for what is now wanted. */
  reconcile(): void {
    if (this.#telling) return;
    for (const watcher of this.#watchers) if (!watcher.active) this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) {
      this.#stop();
      this.#host.release(this);
      return;
    }
    const start = this.#wanted();
    if (start === undefined) {
      this.#stop();
      return;
    }
    if (!this.#host.open) return;
    if (this.#phase === "idle" && this.#timer !== undefined) return; // the server wants to be asked later
    const sooner =
      this.#phase === "idle" ||
      (this.#phase === "live" && "since" in start && start.since + 1 < this.#next) ||
      (this.#phase === "asking" && begins(start) < begins(this.#asked));
    if (sooner) this.#ask(start);
  }

  /** The connection is there: every subscription begins anew, at the cursor. */
  opened(): void {
    this.#idle();
    this.#troubles = 0;
    this.reconcile();
  }

  /** The connection is gone. What it brought counts; the rest will be asked for. */
  lost(): void {
    this.#idle();
  }

  /** The connection will not come back. */
  ended(error: ClaudeOpsError): void {
    this.#idle();
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.fail(error);
  }

  /** The server begins to send. Without a ticket it tells so on its own account. */
  subscribed({ from, head }: LogsSubscribedMessage, ticket?: number): void {
    if (this.#phase === "idle" || (ticket !== undefined && ticket !== this.#ticket)) return;
    this.#head = Math.max(this.#head, head);
    if (ticket === undefined) return;
    this.#phase = "live";
    this.#located = true;
    // What lies between the cursor and `from` is told by a gap, which comes next.
    this.#next = "since" in this.#asked ? this.#asked.since + 1 : from;
    this.#tell((watcher) => {
      watcher.locate(this.#head);
      watcher.subscribed(Math.max(from, watcher.cursor + 1), this.#head);
    });
  }

  /** The server does not send. */
  refused(error: ClaudeOpsError, ticket?: number): void {
    if (this.#phase === "idle" || (ticket !== undefined && ticket !== this.#ticket)) return;
    // No room for one more subscription is the watcher's concern: waiting alone does not make any.
    const waitable = error.retryable && !(error instanceof RequestError && error.code === "limit_reached");
    if (waitable) {
      this.#again(error instanceof RequestError ? error.retryAfterMs : undefined);
    } else {
      this.#idle();
      this.#tell((watcher) => {
        if (watcher.flowing) watcher.fail(error);
      });
    }
  }

  /**
   * Takes an event of this execution. Whether it was the next one; if so it is passed on by `flush`.
   */
  event(event: WatchedEvent): boolean {
    this.#head = Math.max(this.#head, event.seq);
    if (this.#phase !== "live" || event.seq < this.#next) return false;
    if (event.seq > this.#next) {
      // The feed of all executions runs ahead of the log, and leaves log events out.
      if (this.#host.feedActive && event.type !== "execution:log") this.#suspect(event.seq);
      else this.#again();
      return false;
    }
    this.#next++;
    this.#batch.push(event);
    return true;
  }

  gap(gap: LogsGapMessage): void {
    if (this.#phase !== "live" || gap.to < this.#next || !isSeq(gap.to)) return;
    if (gap.from > this.#next) {
      this.#again();
      return;
    }
    this.flush();
    this.#next = gap.to + 1;
    this.#head = Math.max(this.#head, gap.to);
    this.#tell((watcher) => watcher.gap(gap));
  }

  /** The record that stands for a last event that is lost; the gap before it reaches up to that event. */
  concluded(record: ExecutionRecord): void {
    if (this.#phase !== "live" || !record.terminal || this.#next <= record.head) return;
    this.flush();
    this.#idle();
    const end = endOf(record);
    this.#tell((watcher) => watcher.end(end));
  }

  /** Gives the watchers what has been taken since the last time. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#troubles = 0;
    if (this.#phase === "live") {
      this.#clearTimer();
      if (this.#next <= this.#announced) this.#suspect(this.#announced);
    }
    const last = batch.at(-1);
    const end = last !== undefined && isTerminal(last) ? last : undefined;
    // The server has ended the subscription; there is nothing to unsubscribe from.
    if (end !== undefined) this.#idle();
    this.#tell((watcher) => {
      watcher.deliver(batch);
      if (end !== undefined) watcher.end(end);
    });
  }

  /** Tells the watchers something, and then does what they want now. */
  #tell(what: (watcher: Watcher) => void): void {
    this.#telling = true;
    for (const watcher of [...this.#watchers]) what(watcher);
    this.#telling = false;
    this.reconcile();
  }

  /** Where the subscription has to begin for all who want events; undefined when nobody does. */
  #wanted(): { since: number } | { tail: number } | undefined {
    let since = Number.POSITIVE_INFINITY;
    let tail = 0;
    let any = false;
    for (const watcher of this.#watchers) {
      if (watcher.paused) continue;
      any = true;
      if (this.#located) watcher.locate(this.#head);
      if (watcher.cursor >= 0) since = Math.min(since, watcher.cursor);
      else tail = Math.max(tail, watcher.tail);
    }
    if (!any) return undefined;
    return since === Number.POSITIVE_INFINITY ? { tail } : { since };
  }

  #ask(start: { since: number } | { tail: number }): void {
    this.#clearTimer();
    this.#phase = "asking";
    this.#asked = start;
    this.#batch = [];
    if ("since" in start) this.#next = start.since + 1;
    this.#host.subscribeLogs(this, start, ++this.#ticket);
  }

  /** Asks for the rest anew: at once the first time, then later and later. */
  #again(afterMs?: number): void {
    this.flush();
    this.#phase = "idle";
    this.#ticket++;
    const wait = Math.max(afterMs ?? 0, this.#troubles === 0 ? 0 : backoffMs(this.#troubles, retry));
    this.#troubles++;
    this.#clearTimer();
    if (wait === 0) {
      this.reconcile();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.reconcile();
    }, wait);
  }

  /** Something may be missing, or only be on its way: see whether it comes. */
  #suspect(seq: number): void {
    this.#announced = Math.max(this.#announced, seq);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#phase === "live") this.#again();
    }, stalledMs);
  }

  #stop(): void {
    const wasOn = this.#phase !== "idle";
    this.#idle();
    if (wasOn && this.#host.open) this.#host.unsubscribeLogs(this.executionId);
  }

  #idle(): void {
    this.#phase = "idle";
    this.#located = false;
    this.#ticket++;
    this.#batch = [];
    this.#clearTimer();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** One caller's watch: a cursor of its own, on the track's events. */
class Watcher implements ExecutionWatch {
  readonly #track: ExecutionTrack;
  readonly #handlers: WatchHandlers;
  #cursor = 0;
  #tail = 0;
  #paused = false;
  #active = true;

  constructor(track: ExecutionTrack, start: WatchStart, handlers: WatchHandlers) {
    this.#track = track;
    this.#handlers = handlers;
    this.#begin(start);
  }

  get executionId(): string {
    return this.#track.executionId;
  }
  get cursor(): number {
    return this.#cursor;
  }
  get tail(): number {
    return this.#tail;
  }
  get head(): number {
    return Math.max(this.#track.head, this.#cursor, 0);
  }
  get active(): boolean {
    return this.#active;
  }
  get paused(): boolean {
    return this.#paused;
  }
  /** Whether it takes events now. */
  get flowing(): boolean {
    return this.#active && !this.#paused;
  }

  pause(): void {
    this.#paused = true;
    if (this.#active) this.#track.reconcile();
  }

  resume(): void {
    this.#paused = false;
    if (this.#active) this.#track.reconcile();
  }

  seek(start: WatchStart): void {
    checkStart(start);
    this.#begin(start);
    if (this.#active) this.#track.reconcile();
  }

  close(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#track.reconcile();
  }

  #begin({ since, tail }: WatchStart): void {
    this.#cursor = tail === undefined ? (since ?? 0) : -1;
    this.#tail = tail ?? 0;
  }

  /** Turns a tail into a cursor, now that the end is known. */
  locate(head: number): void {
    if (this.#cursor < 0) this.#cursor = Math.max(0, head - this.#tail);
  }

  subscribed(from: number, head: number): void {
    if (!this.flowing) return;
    const { onSubscribed } = this.#handlers;
    if (onSubscribed !== undefined) call(() => onSubscribed.call(this.#handlers, { from, head }));
  }

  deliver(batch: readonly WatchedEvent[]): void {
    if (!this.flowing || this.#cursor < 0) return;
    const first = batch[0]?.seq ?? 0;
    const skip = this.#cursor + 1 - first;
    if (skip < 0 || skip >= batch.length) return; // not its turn yet, or had already
    const events = batch.slice(skip);
    this.#cursor = events.at(-1)?.seq ?? this.#cursor;
    call(() => this.#handlers.onEvents(events));
  }

  gap(gap: LogsGapMessage): void {
    if (!this.flowing || this.#cursor < gap.from - 1 || this.#cursor >= gap.to) return;
    const from = this.#cursor + 1;
    this.#cursor = gap.to;
    const { onGap } = this.#handlers;
    if (onGap !== undefined) call(() => onGap.call(this.#handlers, { ...gap, from }));
  }

  end(event: TerminalEvent): void {
    if (!this.flowing || this.#cursor < event.seq) return;
    this.#active = false;
    const { onEnd } = this.#handlers;
    if (onEnd !== undefined) call(() => onEnd.call(this.#handlers, event));
  }

  fail(error: ClaudeOpsError): void {
    if (!this.#active) return;
    this.#active = false;
    const { onError } = this.#handlers;
    if (onError !== undefined) call(() => onError.call(this.#handlers, error));
  }
}

/** Throws when a watch can't begin there. */
export function checkStart({ since, tail }: WatchStart): void {
  if ((since !== undefined && tail !== undefined) || !isSeq(since ?? tail ?? 0)) {
    throw new RangeError("claudeops: give since or tail, a whole number from 0");
  }
}

function begins(start: { since: number } | { tail: number }): number {
  return "since" in start ? start.since : Number.POSITIVE_INFINITY;
}

/** What an ended execution's last event said, as far as its record has it. */
function endOf(record: ExecutionRecord): TerminalEvent {
  const { executionId, head: seq, cost, processesReaped, survivors, result } = record;
  const common = {
    executionId,
    seq,
    timestamp: record.endedAt ?? record.queuedAt,
    cost,
    durationMs: record.durationMs ?? 0,
    processesReaped,
    ...(survivors === undefined ? {} : { survivors }),
    ...(result === undefined ? {} : { result }),
  };
  switch (record.status) {
    case "completed":
      return { type: "execution:completed", ...common, exitCode: record.exitCode ?? 0 };
    case "cancelled":
      return {
        type: "execution:cancelled",
        ...common,
        by: record.cancelledBy ?? "",
        ...(record.reason === undefined ? {} : { reason: record.reason }),
      };
    default:
      return {
        type: "execution:failed",
        ...common,
        error: record.error ?? "",
        reason: (record.reason ?? "agent_error") as FailedEvent["reason"],
      };
  }
}
