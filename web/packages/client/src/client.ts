import { Authorization } from "./authorization.js";
import { backoffMs } from "./backoff.js";
import type {
  AgentInput,
  Connection,
  ExecuteRequest,
  ExecuteResult,
  RequestMessage,
  RequestOptions,
} from "./connection.js";
import { type DialHandlers, dial, type Link, spokenFailure } from "./dial.js";
import { ConnectionError } from "./errors.js";
import type { Incoming } from "./frame.js";
import { Heartbeat } from "./heartbeat.js";
import { newKey } from "./idempotency-key.js";
import type { ConnectionOptions, TransportName } from "./options.js";
import { closeFailure, type Failure, failure, isOffline, offline } from "./problems.js";
import { type AckMessage, closeCodes, type ExecutionRecord } from "./protocol.gen.js";
import { call } from "./report.js";
import { refusal } from "./requests.js";
import { runSearch } from "./run-search.js";
import type { SearchPage, SearchQuery } from "./search.js";
import { Session } from "./session.js";
import { type Settings, settingsOf } from "./settings.js";
import { SpreadWatch, type WatchPlace } from "./spread-watch.js";
import type { ConnectionState } from "./state.js";
import { checkCredential, type TransportContext } from "./transports/transport.js";
import { onWake } from "./wake.js";
import type {
  ExecutionsFilter,
  ExecutionsHandlers,
  ExecutionWatch,
  Subscription,
  SystemHandlers,
  WatchHandlers,
  WatchStart,
} from "./watch.js";

/** A connection that was open for so long has proven itself: tries are counted anew. */
const provenMs = 5000;

/** How soon after a page wakes up a connection has to show that it is alive. */
const wakeTimeoutMs = 3000;

const historyLength = 10;
const maxReturnMs = 600_000;

/** Keeps one connection alive, whatever carries it; what goes over it is the session's. */
export class Client implements Connection {
  readonly url: string;
  readonly #settings: Settings;
  readonly #context: TransportContext;
  #life = new AbortController();
  readonly #session: Session;
  readonly #listeners = new Set<() => void>();
  #stopWake: () => void = () => {};

  #state: ConnectionState = {
    status: "connecting",
    transport: null,
    attempt: 0,
    nextAttemptAt: null,
    latencyMs: null,
    clockOffsetMs: null,
    openSince: null,
    lastOpenAt: null,
    connectionId: null,
    user: null,
    limits: null,
    problem: null,
    history: [],
  };
  readonly #given: ConnectionOptions;
  /** Further connections, for watches over the bound of one. They live until this one is closed. */
  readonly #siblings: Client[] = [];
  #link: Link | undefined;
  #stopDial: (() => void) | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: Heartbeat | undefined;
  /** The transport that worked last: the first to try when the connection is lost. */
  #proven: TransportName | undefined;
  #stopReturn: (() => void) | undefined;
  #returnMs: number;
  /** How many tries have failed in a row. */
  #tries = 0;
  /** The credential was renewed, and the server has not taken it yet. */
  #renewing = false;

  constructor(options: ConnectionOptions) {
    this.#given = options;
    this.#settings = settingsOf(options);
    this.#returnMs = this.#settings.returnAfterMs;
    this.url = this.#settings.base.href;
    this.#session = new Session(this.#settings.queue);
    this.#context = {
      base: this.#settings.base,
      authorization: new Authorization(options.credential, () => this.#life.signal),
      fetch: this.#settings.fetch,
      WebSocket: this.#settings.WebSocket,
      cursor: (executionId) => this.#session.cursor(executionId),
    };
    this.#begin();
  }

  #begin(): void {
    this.#stopWake = onWake((why) => this.#wake(why));
    this.#dial();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    // A wrapper of its own lets the same function listen twice.
    const one = () => listener();
    this.#listeners.add(one);
    return () => {
      this.#listeners.delete(one);
    };
  }

  async ready(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const settle = (done: () => void) => {
        stop();
        signal?.removeEventListener("abort", aborted);
        done();
      };
      const aborted = () => settle(() => reject(signal?.reason));
      const look = () => {
        const { status } = this.#state;
        if (status === "open") settle(resolve);
        else if (status === "failed" || status === "closed") settle(() => reject(this.#error()));
      };
      const stop = this.subscribe(look);
      signal?.addEventListener("abort", aborted);
      look();
    });
  }

  retryNow(): void {
    const { status } = this.#state;
    if (status === "open") return;
    clearTimeout(this.#retryTimer);
    this.#stopDial?.();
    this.#proven = undefined;
    this.#tries = 0;
    this.#set({
      status: this.#state.lastOpenAt === null ? "connecting" : "reconnecting",
      attempt: 0,
      nextAttemptAt: null,
    });
    this.#session.revive();
    for (const sibling of this.#siblings) sibling.retryNow();
    if (status !== "closed") {
      this.#dial();
      return;
    }
    this.#life = new AbortController();
    this.#begin();
  }

  close(): void {
    if (this.#state.status === "closed") return;
    this.#life.abort(new ConnectionError("the connection was closed"));
    this.#stopWake();
    this.#release();
    this.#set({ status: "closed", nextAttemptAt: null, problem: null });
    this.#session.end(this.#error());
    for (const sibling of this.#siblings.splice(0)) sibling.close();
  }

  async measureLatency(options: RequestOptions = {}): Promise<number> {
    return this.#session.latency(this.#options(options, "high"));
  }

  async request(message: RequestMessage, options: RequestOptions = {}): Promise<AckMessage> {
    const again =
      message.type !== "agent:input" &&
      (message.type !== "agent:execute" || message.idempotencyKey !== undefined);
    return this.#session.request(message, this.#options(options, priorityOf(message)), again);
  }

  async execute(request: ExecuteRequest, options: RequestOptions = {}): Promise<ExecuteResult> {
    const { agentType, config, tags, onDisconnect, idempotencyKey = newKey() } = request;
    const ack = await this.request(
      {
        type: "agent:execute",
        agentType,
        idempotencyKey,
        subscribe: false,
        ...(config === undefined ? {} : { config }),
        ...(tags === undefined ? {} : { tags }),
        ...(onDisconnect === undefined ? {} : { onDisconnect }),
      },
      options,
    );
    const { executionId = "", status, queuePosition = 0, existing = false } = ack;
    return { executionId, status, queuePosition, existing };
  }

  async cancel(executionId: string, reason?: string, options: RequestOptions = {}): Promise<AckMessage> {
    return this.request(
      { type: "agent:cancel", executionId, ...(reason === undefined ? {} : { reason }) },
      options,
    );
  }

  async status(executionId: string, options: RequestOptions = {}): Promise<ExecutionRecord> {
    return this.#session.status(executionId, this.#options(options, "normal"));
  }

  async input(executionId: string, input: AgentInput, options: RequestOptions = {}): Promise<AckMessage> {
    return this.request({ type: "agent:input", executionId, ...input }, options);
  }

  watchExecution(executionId: string, start: WatchStart, handlers: WatchHandlers): ExecutionWatch {
    return new SpreadWatch(executionId, start, handlers, (index) => this.#place(index));
  }

  /** Where watches go: over this connection, and what it has no room for over further ones. */
  #place(index: number): WatchPlace {
    const further = index === 0 ? undefined : this.#further(index);
    const session = further === undefined ? this.#session : further.#session;
    return {
      hasRoom: (executionId) => session.hasRoom(executionId),
      watch: (executionId, start, handlers) => session.watchExecution(executionId, start, handlers),
    };
  }

  #further(index: number): Client {
    let client = this.#siblings[index - 1];
    if (client === undefined) {
      client = new Client(this.#given);
      this.#siblings.push(client);
    }
    return client;
  }

  watchExecutions(filter: ExecutionsFilter, handlers: ExecutionsHandlers): Subscription {
    return this.#session.watchExecutions(filter, handlers);
  }

  watchSystem(intervalMs: number, handlers: SystemHandlers): Subscription {
    return this.#session.watchSystem(intervalMs, handlers);
  }

  search(executionId: string, query: SearchQuery, options: RequestOptions = {}): AsyncIterable<SearchPage> {
    return runSearch(this.#session, executionId, query, this.#options(options, "normal"));
  }

  #options(
    { timeoutMs, signal, priority }: RequestOptions,
    otherwise: NonNullable<RequestOptions["priority"]>,
  ) {
    return {
      timeoutMs: timeoutMs ?? this.#settings.requestTimeoutMs,
      signal,
      priority: priority ?? otherwise,
    };
  }

  // Getting a connection

  #dial(): void {
    const { transports, connectTimeoutMs } = this.#settings;
    const first = this.#proven;
    const order = first === undefined ? transports : [first, ...transports.filter((name) => name !== first)];
    this.#set({ nextAttemptAt: null });
    if (this.#life.signal.aborted) return; // a listener has closed it
    const stop = dial(order, this.#context, connectTimeoutMs, {
      ...this.#linkHandlers,
      trying: (transport) => this.#set({ transport }),
      up: (link) => this.#up(link),
    });
    if (this.#life.signal.aborted) stop();
    else this.#stopDial = stop;
  }

  readonly #linkHandlers: Omit<DialHandlers, "trying" | "up"> = {
    messages: (link, messages) => this.#messages(link, messages),
    alive: (link) => {
      if (link === this.#link) this.#heartbeat?.alive();
    },
    down: (why, link) => {
      if (link === this.#link) this.#down(why);
    },
  };

  #up(link: Link): void {
    const { name } = link.transport;
    const { greeting } = link;
    this.#stopDial = undefined;
    this.#link = link;
    this.#proven = name;
    this.#renewing = false;
    const now = Date.now();
    this.#set({
      status: "open",
      transport: name,
      nextAttemptAt: null,
      attempt: 0,
      latencyMs: null,
      openSince: now,
      lastOpenAt: now,
      clockOffsetMs: offsetOf(Date.parse(greeting.serverTime) - now),
      connectionId: greeting.connectionId,
      user: greeting.user,
      limits: greeting.limits,
      problem: null,
    });
    if (link !== this.#link) return; // a listener has closed it
    this.#session.opened(link.transport, greeting.limits);
    this.#beat(link);
    this.#planReturn();
  }

  #beat(link: Link): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#settings;
    const interval = heartbeatIntervalMs ?? Math.min(link.greeting.heartbeat.intervalMs || 25_000, 25_000);
    const heartbeat = new Heartbeat(
      {
        ping: (timestamp) =>
          this.#session.ping(timestamp, (back, serverTime) => heartbeat.pong(back, serverTime)),
        latency: (latencyMs, offset) => {
          if (link !== this.#link) return;
          const clockOffsetMs = offsetOf(offset) ?? this.#state.clockOffsetMs;
          this.#set({ latencyMs, clockOffsetMs });
        },
        dead: () => {
          if (link !== this.#link) return;
          link.transport.close();
          this.#down(closeFailure(closeCodes.heartbeat, ""));
        },
      },
      interval,
      heartbeatTimeoutMs,
    );
    this.#heartbeat?.stop();
    this.#heartbeat = heartbeat;
    heartbeat.beat();
  }

  #messages(link: Link, messages: readonly Incoming[]): void {
    if (link === this.#link) this.#heartbeat?.alive();
    for (const message of messages) {
      if (message.type === "connection") {
        if (link === this.#link && message.connectionId !== this.#state.connectionId) {
          this.#set({ connectionId: message.connectionId, user: message.user, limits: message.limits });
        }
      } else if (message.type === "error" && message.id === undefined && message.code === "unauthenticated") {
        if (link !== this.#link) continue;
        link.transport.close();
        this.#down(checkCredential(spokenFailure(refusal(message)), this.#context.authorization, undefined));
        return;
      }
    }
    this.#session.messages(messages, link === this.#link);
  }

  // Losing it

  #down(why: Failure, atOnce = false): void {
    const { status, openSince } = this.#state;
    if (status === "closed" || status === "failed") return;
    this.#release();
    // What is lost as soon as it is open is no success: tries are counted on.
    if (openSince !== null && Date.now() - openSince >= provenMs) this.#tries = 0;
    const next = ++this.#tries;
    const problem =
      why.problem.type === "network" && isOffline() ? { ...offline(), at: why.problem.at } : why.problem;
    const history = [...this.#state.history, problem].slice(-historyLength);
    const lastOpenAt = openSince === null ? this.#state.lastOpenAt : Date.now();
    const lost = {
      transport: null,
      latencyMs: null,
      openSince: null,
      lastOpenAt,
      connectionId: null,
      problem,
      history,
    };

    if (!why.problem.recoverable || next > this.#settings.reconnect.maxAttempts) {
      this.#set({ ...lost, status: "failed", nextAttemptAt: null });
      this.#session.end(this.#error());
      return;
    }
    // A new credential may be tried at once, but not again and again.
    const renew = why.problem.type === "expired" && !this.#renewing;
    if (renew) this.#renewing = true;
    const wait =
      renew || atOnce
        ? 0
        : Math.max(backoffMs(next, this.#settings.reconnect), why.retryAfterMs * (1 + Math.random() / 4));
    this.#set({
      ...lost,
      status: "reconnecting",
      attempt: next,
      nextAttemptAt: Date.now() + wait,
    });
    if (this.#state.status === "closed") return; // a listener has closed it
    this.#session.lost(this.#error());
    this.#retryTimer = setTimeout(() => this.#dial(), wait);
  }

  /** Lets go of everything that belongs to a connection or a try. */
  #release(): void {
    clearTimeout(this.#retryTimer);
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#stopReturn?.();
    this.#stopReturn = undefined;
    const link = this.#link;
    this.#link = undefined;
    link?.transport.close();
    this.#stopDial?.();
    this.#stopDial = undefined;
  }

  #wake(why: "online" | "offline" | "visible"): void {
    const { status, nextAttemptAt, problem } = this.#state;
    if (why === "offline") {
      // A server on this very machine is still there: it is tried at once, and answers.
      if (status === "open") this.#down(failure(offline()), true);
      return;
    }
    if (status === "open") {
      this.#heartbeat?.beat(Math.min(wakeTimeoutMs, this.#settings.heartbeatTimeoutMs));
    } else if (nextAttemptAt !== null) {
      clearTimeout(this.#retryTimer);
      if (why === "online") this.#proven = undefined; // another network: the best transport may work there
      this.#dial();
    } else if (status === "failed" && problem?.recoverable) {
      this.retryNow();
    }
  }

  // Returning to a better transport

  #planReturn(): void {
    this.#stopReturn?.();
    const link = this.#link;
    const better = link === undefined ? [] : this.#better(link.transport.name);
    if (better.length === 0) {
      this.#returnMs = this.#settings.returnAfterMs;
      this.#stopReturn = undefined;
      return;
    }
    const timer = setTimeout(() => {
      this.#returnMs = Math.min(maxReturnMs, this.#returnMs * 2);
      this.#stopReturn = dial(better, this.#context, this.#settings.connectTimeoutMs, {
        ...this.#linkHandlers,
        trying: () => {},
        up: (found) => {
          const old = this.#link;
          this.#stopReturn = undefined;
          this.#link = undefined;
          old?.transport.retire();
          this.#up(found);
        },
        down: (why, found) => {
          if (found === undefined) this.#planReturn();
          else if (found === this.#link) this.#down(why);
        },
      });
    }, this.#returnMs);
    this.#stopReturn = () => clearTimeout(timer);
  }

  #better(name: TransportName): readonly TransportName[] {
    const { transports, WebSocket } = this.#settings;
    return transports
      .slice(0, Math.max(0, transports.indexOf(name)))
      .filter((one) => one !== "websocket" || WebSocket !== undefined);
  }

  // State

  #set(patch: Partial<ConnectionState>): void {
    const state = { ...this.#state, ...patch };
    const changed = (Object.keys(patch) as (keyof ConnectionState)[]).some(
      (key) => state[key] !== this.#state[key],
    );
    if (!changed) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) call(listener);
  }

  #error(): ConnectionError {
    const { status, problem } = this.#state;
    if (status === "closed") return new ConnectionError("the connection was closed");
    return new ConnectionError(problem?.message ?? "the connection is not open", problem ?? undefined);
  }
}

/** A clock's offset; null when the server's time can't be read. */
function offsetOf(ms: number): number | null {
  return Number.isFinite(ms) ? Math.round(ms) : null;
}

function priorityOf({ type }: RequestMessage): NonNullable<RequestOptions["priority"]> {
  return type === "agent:cancel" || type === "agent:input" ? "high" : "normal";
}
