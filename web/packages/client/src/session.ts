import type { Priority, RequestMessage } from "./connection.js";
import { ClaudeOpsError, ConnectionError, type RequestError } from "./errors.js";
import { checkStart, ExecutionTrack, type TrackHost } from "./execution-track.js";
import { ExecutionsFeed } from "./executions-feed.js";
import { type Incoming, isObject } from "./frame.js";
import type { QueueOptions } from "./options.js";
import type { AckMessage, ClientMessage, ExecutionRecord, Limits, ServerMessage } from "./protocol.gen.js";
import { ownError, type RequestSpec, Requests, refusal } from "./requests.js";
import { SystemFeed } from "./system-feed.js";
import type { Transport } from "./transports/transport.js";
import type {
  ExecutionsFilter,
  ExecutionsHandlers,
  ExecutionWatch,
  Subscription,
  SystemHandlers,
  WatchHandlers,
  WatchStart,
} from "./watch.js";

/** Options of a request with everything filled in. */
export interface FullRequestOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly priority: Priority;
}

/** How long the server may take over a subscription before it is asked again. */
const subscribeTimeoutMs = 30_000;

/** What goes over a connection, independent of what carries it and how often that changes. */
export class Session implements TrackHost {
  readonly #requests: Requests;
  readonly #tracks = new Map<string, ExecutionTrack>();
  readonly #executions = new ExecutionsFeed(this);
  readonly #system = new SystemFeed(this);
  #open = false;
  /** Executions that one connection may follow; 0 for any number. */
  #maxTracks = 0;
  /** Why nothing can be asked for any more. */
  #ended: ConnectionError | undefined;

  constructor(queue: QueueOptions) {
    this.#requests = new Requests(queue);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether one more execution can be followed, as far as the server has said how many may be. */
  hasRoom(executionId: string): boolean {
    return this.#tracks.has(executionId) || this.#maxTracks === 0 || this.#tracks.size < this.#maxTracks;
  }

  /** Executions that are followed. */
  get followed(): number {
    return this.#tracks.size;
  }

  get feedActive(): boolean {
    return this.#executions.active;
  }

  /** The last event had of an execution; undefined when nothing is asked for. */
  cursor(executionId: string): number | undefined {
    return this.#tracks.get(executionId)?.cursor;
  }

  // What the connection says

  opened(transport: Transport, limits: Limits): void {
    this.#open = true;
    this.#maxTracks = limits.maxSubscriptions;
    this.#requests.opened(transport, limits);
    for (const track of [...this.#tracks.values()]) track.opened();
    this.#executions.opened();
    this.#system.opened();
  }

  lost(why: ConnectionError): void {
    this.#open = false;
    for (const track of this.#tracks.values()) track.lost();
    this.#executions.lost();
    this.#system.lost();
    this.#requests.lost(why);
  }

  /** It will not come back: whoever waits is told. */
  end(why: ConnectionError): void {
    this.#open = false;
    this.#ended = why;
    const tracks = [...this.#tracks.values()];
    this.#tracks.clear();
    for (const track of tracks) track.ended(why);
    this.#executions.ended(why);
    this.#system.ended(why);
    this.#requests.ended(why);
  }

  /** It is tried once more after all. */
  revive(): void {
    this.#ended = undefined;
  }

  /** Takes in what came together. Over a transport that has been replaced only answers count. */
  messages(messages: readonly Incoming[], current: boolean): void {
    const touched = new Set<ExecutionTrack>();
    for (const message of messages) {
      switch (message.type) {
        case "connection":
          break;
        case "executions:snapshot":
          if (current) this.#executions.snapshot(message.executions);
          this.#requests.answer(message);
          break;
        case "system:status":
          if (current) this.#system.status(message);
          break;
        case "logs:gap":
          if (current) this.#tracks.get(message.executionId)?.gap(message);
          break;
        case "logs:subscribed":
          if (message.id !== undefined) this.#requests.answer(message);
          else if (current) this.#tracks.get(message.executionId)?.subscribed(message);
          break;
        case "error":
          if (message.id !== undefined) this.#requests.answer(message);
          else if (current) this.#spoken(refusal(message));
          break;
        case "execution:status":
          if (message.id !== undefined) this.#requests.answer(message);
          else if (current) this.#tracks.get(message.executionId)?.concluded(message);
          break;
        case "ack":
        case "logs:matches":
        case "pong":
          this.#requests.answer(message);
          break;
        default: {
          if (!current) break;
          const track = this.#tracks.get(message.executionId);
          if (track?.event(message)) touched.add(track);
          this.#executions.event(message, track !== undefined);
        }
      }
    }
    for (const track of touched) track.flush();
    this.#executions.flush();
  }

  /** An error that answers no request: one subscription has ended by it, or it is not known which. */
  #spoken(error: RequestError): void {
    const { details } = error;
    const named =
      isObject(details) && typeof details.executionId === "string" ? details.executionId : undefined;
    if (named !== undefined) this.#tracks.get(named)?.refused(error);
    else if (error.retryable) for (const track of [...this.#tracks.values()]) track.refused(error);
  }

  // What callers want

  request(message: RequestMessage, options: FullRequestOptions, again: boolean): Promise<AckMessage> {
    return new Promise((resolve, reject) => {
      this.start({
        ...options,
        message,
        whenLost: again ? "again" : "fails",
        answered: (answer) => {
          // Matches are followed by an ack; what else answers has the ack's fields, or none of them.
          if (answer.type === "logs:matches") return false;
          resolve(answer.type === "ack" ? answer : { type: "ack" });
          return true;
        },
        failed: reject,
      });
    });
  }

  status(executionId: string, options: FullRequestOptions): Promise<ExecutionRecord> {
    return new Promise((resolve, reject) => {
      this.start({
        ...options,
        message: { type: "agent:status", executionId },
        whenLost: "again",
        answered: (answer) => {
          if (answer.type !== "execution:status") return false;
          const { type: _type, id: _id, ...record } = answer;
          resolve(record);
          return true;
        },
        failed: reject,
      });
    });
  }

  /** Sends a message; throws when it can't even be queued. */
  start(spec: RequestSpec): void {
    if (this.#ended !== undefined) throw this.#ended;
    this.#requests.start(spec);
  }

  watchExecution(executionId: string, start: WatchStart, handlers: WatchHandlers): ExecutionWatch {
    checkStart(start);
    let track = this.#tracks.get(executionId);
    if (track === undefined) {
      track = new ExecutionTrack(executionId, this);
      this.#tracks.set(executionId, track);
    }
    const watch = track.watch(start, handlers);
    this.#tellIfEnded(() => track.ended(this.#ended ?? new ConnectionError("the connection was closed")));
    return watch;
  }

  watchExecutions(filter: ExecutionsFilter, handlers: ExecutionsHandlers): Subscription {
    const subscription = this.#executions.follow(filter, handlers);
    this.#tellIfEnded((why) => this.#executions.ended(why));
    return subscription;
  }

  watchSystem(intervalMs: number, handlers: SystemHandlers): Subscription {
    const subscription = this.#system.follow(intervalMs, handlers);
    this.#tellIfEnded((why) => this.#system.ended(why));
    return subscription;
  }

  /** Whoever begins to watch a connection that has ended is told so, but not before having the watch. */
  #tellIfEnded(tell: (why: ConnectionError) => void): void {
    if (this.#ended === undefined) return;
    queueMicrotask(() => {
      if (this.#ended !== undefined) tell(this.#ended);
    });
  }

  ping(timestamp: number, answered: (timestamp: unknown, serverTime: number) => void): void {
    this.#internal({ type: "ping", timestamp }, "high", (answer) => {
      if (answer instanceof ClaudeOpsError) return;
      if (answer.type === "pong") answered(answer.timestamp, Date.parse(answer.serverTime));
    });
  }

  /** Pings and gives how long the answer took, in milliseconds. */
  latency(options: FullRequestOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      let sentAt = performance.now();
      this.start({
        ...options,
        message: { type: "ping" },
        // What waited for a reconnect says nothing about the way to the server.
        whenLost: "fails",
        sent: () => {
          sentAt = performance.now();
        },
        answered: (answer) => {
          if (answer.type !== "pong") return false;
          resolve(performance.now() - sentAt);
          return true;
        },
        failed: reject,
      });
    });
  }

  // What the tracks and feeds want

  subscribeLogs(track: ExecutionTrack, start: { since: number } | { tail: number }, ticket: number): void {
    this.#internal(
      { type: "logs:subscribe", executionId: track.executionId, ...start },
      "normal",
      (answer) => {
        if (answer instanceof ClaudeOpsError) track.refused(answer, ticket);
        else if (answer.type === "logs:subscribed") track.subscribed(answer, ticket);
      },
    );
  }

  unsubscribeLogs(executionId: string): void {
    this.#internal({ type: "logs:unsubscribe", executionId }, "normal");
  }

  release(track: ExecutionTrack): void {
    if (this.#tracks.get(track.executionId) === track) this.#tracks.delete(track.executionId);
  }

  subscribeExecutions(filter: { agentType?: string; status?: string }, ticket: number): void {
    this.#internal({ type: "executions:subscribe", ...filter }, "normal", (answer) => {
      if (answer instanceof ClaudeOpsError) this.#executions.refused(answer, ticket);
    });
  }

  unsubscribeExecutions(): void {
    this.#internal({ type: "executions:unsubscribe" }, "normal");
  }

  subscribeSystem(intervalMs: number, ticket: number): void {
    this.#internal({ type: "system:subscribe", intervalMs }, "normal", (answer) => {
      if (answer instanceof ClaudeOpsError) this.#system.refused(answer, ticket);
    });
  }

  unsubscribeSystem(): void {
    this.#internal({ type: "system:unsubscribe" }, "normal");
  }

  #internal(
    message: ClientMessage,
    priority: Priority,
    done: (answer: ServerMessage | ClaudeOpsError) => void = () => {},
  ): void {
    if (this.#ended !== undefined) return;
    this.#requests.start({
      message,
      priority,
      timeoutMs: subscribeTimeoutMs,
      whenLost: "dropped",
      mandatory: true,
      answered: (answer) => {
        done(answer);
        return true;
      },
      failed: (error) => done(ownError(error)),
    });
  }
}
