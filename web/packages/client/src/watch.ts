import type { ClaudeOpsError } from "./errors.js";
import type {
  CancelledEvent,
  CompletedEvent,
  ExecutionEvent,
  ExecutionRecord,
  FailedEvent,
  LogEvent,
  LogsGapMessage,
  Status,
  SystemStatusMessage,
} from "./protocol.gen.js";

/** One of the three that end every execution; always its last event. */
export type TerminalEvent = CompletedEvent | FailedEvent | CancelledEvent;

/**
 * An event this package does not know, or whose fields are not what its type promises. It keeps its
 * place in the order, so that nothing is missing; `fields` is what came.
 */
export interface UnknownEvent {
  readonly type: "unknown";
  readonly executionId: string;
  readonly seq: number;
  readonly timestamp: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a watcher is given, in the order of `seq`. */
export type WatchedEvent = ExecutionEvent | UnknownEvent;

/** What the executions feed carries: everything but log lines. */
export type LifecycleEvent = Exclude<ExecutionEvent, LogEvent> | UnknownEvent;

/** Where a watch begins. Without any of it: at the first event. */
export interface WatchStart {
  /** The last seq already seen; the next event given is `since + 1`. 0 is before the first. */
  readonly since?: number;
  /** Begin with the last that many events instead. */
  readonly tail?: number;
}

/** What a watch reports. Nothing is called after `close()`, and nothing twice for one event. */
export interface WatchHandlers {
  /** Events in order, never empty: as many as arrived together. The array is the handler's to keep. */
  onEvents(events: readonly WatchedEvent[]): void;
  /**
   * The server took the subscription, the first time or after a reconnect. `from` is the seq of the
   * next event this watch gets, `head` the last one stored at that moment: `head - from + 1` are
   * still to come before the watch is live.
   */
  onSubscribed?(at: { readonly from: number; readonly head: number }): void;
  /** Events `from` to `to` can't be given any more (damaged, or removed by retention). The next is `to + 1`. */
  onGap?(gap: LogsGapMessage): void;
  /**
   * The terminal event has been given to `onEvents`, and the watch has closed itself. Where damage has
   * taken it, `onGap` was told, and this is what the record knows of it. A watch that
   * begins after the terminal event waits for what will not come.
   */
  onEnd?(event: TerminalEvent): void;
  /**
   * The watch has ended without its terminal event: the server refused it (no such execution, no
   * permission, …), or the connection was closed or gave up for good. A lost connection that will be
   * tried again is not reported here; see the connection's state.
   */
  onError?(error: ClaudeOpsError): void;
}

/** A running watch of one execution. */
export interface ExecutionWatch {
  readonly executionId: string;
  /** The last seq given to `onEvents` (or told by `onGap`), or where it began. -1 while a tail's begin is not known. */
  readonly cursor: number;
  /** The newest seq known to exist. */
  readonly head: number;
  /** Whether it still waits for events. */
  readonly active: boolean;
  /** Stops the flow without losing the place: after `resume()` it goes on at `cursor + 1`. */
  pause(): void;
  resume(): void;
  /** Goes on somewhere else. Events on the way from the old place are no longer given. */
  seek(start: WatchStart): void;
  /** Ends it. Safe twice. */
  close(): void;
}

/** Which executions the feed follows. */
export interface ExecutionsFilter {
  readonly agentType?: string;
  /** Executions that have one of these. Events that change an execution's status are given whatever it is. */
  readonly status?: Status | readonly Status[];
}

/** What the executions feed reports. */
export interface ExecutionsHandlers {
  /**
   * All executions that match, as they are now. Comes first, again after every reconnect, and
   * whenever the server had to leave something out: what was known before is replaced by it.
   */
  onSnapshot(executions: readonly ExecutionRecord[]): void;
  /** Lifecycle events since, in order within each execution, each once. Never empty. */
  onEvents(events: readonly LifecycleEvent[]): void;
  /** The feed has ended: refused, or the connection was closed or gave up for good. */
  onError?(error: ClaudeOpsError): void;
}

/** What the system watch reports. */
export interface SystemHandlers {
  onStatus(status: SystemStatusMessage): void;
  /** The watch has ended: refused, or the connection was closed or gave up for good. */
  onError?(error: ClaudeOpsError): void;
}

/** Anything that runs until it is closed. */
export interface Subscription {
  readonly active: boolean;
  /** Ends it. Safe twice. */
  close(): void;
}
