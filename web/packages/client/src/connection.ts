import type { AckMessage, ClientMessage, ExecutionRecord } from "./protocol.gen.js";
import type { SearchPage, SearchQuery } from "./search.js";
import type { ConnectionState } from "./state.js";
import type {
  ExecutionsFilter,
  ExecutionsHandlers,
  ExecutionWatch,
  Subscription,
  SystemHandlers,
  WatchHandlers,
  WatchStart,
} from "./watch.js";

/** How one request is to be treated. */
export interface RequestOptions {
  /** Milliseconds until it fails with a TimeoutError, reconnects included. Default: the connection's. */
  readonly timeoutMs?: number;
  /** Abandons it: the promise rejects with the signal's reason. What was sent stays sent. */
  readonly signal?: AbortSignal;
  /** `"high"` goes ahead of what waits already. Default: `"high"` for cancel and input, else `"normal"`. */
  readonly priority?: Priority;
}

export type Priority = "high" | "normal" | "low";

/** What to run. */
export interface ExecuteRequest {
  /** The agent's name. */
  readonly agentType: string;
  /** Its parameters; checked by the server against the agent's schema. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Tags beside the agent's own, by which the execution can be found. */
  readonly tags?: readonly string[];
  /**
   * The same key gives the same execution, however often it is sent. Default: a fresh one for every
   * call, so that a request repeated after a lost connection does not run twice.
   */
  readonly idempotencyKey?: string;
  /** `"cancel"` stops the execution when this caller stays away (30 s by default). Default `"continue"`. */
  readonly onDisconnect?: "continue" | "cancel";
}

/** The server's word that an execution exists. */
export interface ExecuteResult {
  readonly executionId: string;
  readonly status: AckMessage["status"];
  /** 1 is next; 0 when it does not wait. */
  readonly queuePosition: number;
  /** The idempotency key was known: this execution was started by an earlier request. */
  readonly existing: boolean;
}

/** An answer to an approval, or text for the agent. */
export interface AgentInput {
  readonly requestId?: string;
  readonly decision?: "allow" | "deny";
  /** `"run"`: the same tool with the same input is not asked for again in this run. Default `"once"`. */
  readonly scope?: "once" | "run";
  /** The answer to a question, the reason of a denial, or text for the agent. */
  readonly text?: string;
}

/** A message that is answered, without the id that pairs the two. */
export type RequestMessage = DistributiveOmit<Exclude<ClientMessage, { type: "auth" }>, "id">;

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/**
 * A connection to one server as one caller. It keeps itself alive: it reconnects, falls back to other
 * transports and returns, and takes up every watch where it was. All its methods may be called at any
 * time; what needs the server waits for it.
 */
export interface Connection {
  /** The address it connects to, with a trailing slash and without credentials. */
  readonly url: string;
  /** What is known now. The same object until something changes, so it can serve as an external store's snapshot. */
  readonly state: ConnectionState;
  /** Calls the listener after every change of {@link state}. Returns the function that stops it. */
  subscribe(listener: () => void): () => void;

  /** Resolves when open; rejects when it has failed or is closed. */
  ready(options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * Tries again now instead of waiting, and counts tries from the start. A closed connection is opened
   * again, without the watches and requests that `close()` has ended. No effect when open.
   */
  retryNow(): void;
  /** Ends the connection, its watches and its requests. Safe twice. `retryNow()` opens it again. */
  close(): void;
  /** Pings the server now and gives the milliseconds until its answer. */
  measureLatency(options?: RequestOptions): Promise<number>;

  /** Sends a message this interface has no method for, and gives the `ack`. */
  request(message: RequestMessage, options?: RequestOptions): Promise<AckMessage>;
  /** Starts an agent. Follow it with {@link watchExecution}: no event is missed in between. */
  execute(request: ExecuteRequest, options?: RequestOptions): Promise<ExecuteResult>;
  /** Asks for an execution to be stopped. How it ended is told by its terminal event. */
  cancel(executionId: string, reason?: string, options?: RequestOptions): Promise<AckMessage>;
  /** Gives an execution's record. */
  status(executionId: string, options?: RequestOptions): Promise<ExecutionRecord>;
  /** Answers an approval, or sends text to the agent. Not repeated when the connection is lost on the way. */
  input(executionId: string, input: AgentInput, options?: RequestOptions): Promise<AckMessage>;

  /**
   * Follows an execution: every event after the cursor once, in order, across reconnects, transports
   * and restarts of the server. Any number of watches may follow the same execution.
   */
  watchExecution(executionId: string, start: WatchStart, handlers: WatchHandlers): ExecutionWatch;
  /** Follows the lifecycle of all executions the caller may read. */
  watchExecutions(filter: ExecutionsFilter, handlers: ExecutionsHandlers): Subscription;
  /** Follows the host's figures. Several watches share the shortest interval. */
  watchSystem(intervalMs: number, handlers: SystemHandlers): Subscription;
  /** Searches an execution's lines; pages come as they are found. Leaving the loop abandons the search. */
  search(executionId: string, query: SearchQuery, options?: RequestOptions): AsyncIterable<SearchPage>;
}
