import type {
  AgentDefinition,
  ClientMessage,
  ConnectionOptions,
  Limits,
  SearchMatch,
  SystemStatusMessage,
  User,
  WebSocketConstructor,
} from "@claudeops/client";
import { FakeExecution } from "./execution.js";
import type { FakeHost, Refusal } from "./host.js";
import { Journals } from "./journals.js";
import { answer, problem } from "./rest.js";
import { FakeSocket } from "./socket.js";

export interface FakeServerOptions {
  /** Agents that can be run; a name is enough. Default: one named `test`. */
  readonly agents?: readonly (string | AgentDefinition)[];
  readonly url?: string;
  /** Who the caller is. Default: the owner, who may do everything. */
  readonly user?: User;
  readonly limits?: Partial<Limits>;
  /** The server's clock. Default: `Date.now`. */
  readonly now?: () => number;
  /** What an agent does once it is started, as a real one would of itself. */
  readonly onExecute?: (execution: FakeExecution) => void;
}

/**
 * A ClaudeOps server in the test's own process: no socket, no file, no clock of its own. It speaks the
 * protocol to `connect()` and `<ClaudeOpsProvider>` through the options it gives.
 *
 * ```tsx
 * const server = new FakeServer({ agents: ["backup"] });
 * render(<ClaudeOpsProvider {...server.options}><App /></ClaudeOpsProvider>);
 * const run = server.start("backup").log("copying").complete({ files: 3 });
 * ```
 */
export class FakeServer implements FakeHost<FakeSocket> {
  readonly base: URL;
  readonly agents: readonly AgentDefinition[];
  readonly user: User;
  readonly limits: Limits;
  readonly now: () => number;
  readonly journals: Journals;
  /** Every message that came over the connection. */
  readonly received: ClientMessage[] = [];
  /** Answers requests that the fake server does not know; undefined leaves them to it. */
  routes: (url: URL, method: string, body: string) => Response | Promise<Response> | undefined = () =>
    undefined;
  /** What an agent does once it is started. */
  onExecute: (execution: FakeExecution) => void;
  readonly #sockets = new Set<FakeSocket>();
  readonly #keys = new Map<string, FakeExecution>();
  #refusals: { readonly type: string; readonly refusal: Refusal }[] = [];
  #away = false;
  #connections = 0;

  constructor(options: FakeServerOptions = {}) {
    const { agents = ["test"], url = "http://claudeops.test/", limits, now = Date.now } = options;
    this.base = new URL(url);
    this.agents = agents.map((agent) =>
      typeof agent === "string" ? { name: agent, title: agent, parameters: { type: "object" } } : agent,
    );
    this.user = options.user ?? ({ id: "owner", permissions: ["admin"] } as User);
    this.limits = { ...UNLIMITED, ...limits };
    this.now = now;
    this.journals = new Journals(now);
    this.onExecute = options.onExecute ?? (() => {});
  }

  /** What a connection or a provider is to be given. */
  get options(): Required<
    Pick<ConnectionOptions, "url" | "fetch" | "WebSocket" | "transports" | "reconnect">
  > {
    const server = this;
    class WebSocket extends FakeSocket {
      constructor(url: string) {
        super(url, server);
      }
    }
    return {
      url: this.base.href,
      fetch: (input, init) => this.#fetch(input, init),
      WebSocket: WebSocket as unknown as WebSocketConstructor,
      transports: ["websocket"],
      // A test does not wait for a second.
      reconnect: { baseMs: 1, maxMs: 10, maxAttempts: Number.POSITIVE_INFINITY },
    };
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Starts an execution, as somebody else would have. */
  start(
    agentType = this.agents[0]?.name ?? "test",
    config: Readonly<Record<string, unknown>> = {},
    executionId = this.journals.newId(),
  ): FakeExecution {
    const execution = this.queue(agentType, config, executionId);
    return execution.emit({
      type: "execution:started",
      agentType,
      command: [agentType],
      workdir: "/",
      pid: 1,
      host: "test",
    });
  }

  /** Queues an execution that does not run yet. */
  queue(
    agentType = this.agents[0]?.name ?? "test",
    config: Readonly<Record<string, unknown>> = {},
    executionId = this.journals.newId(),
  ): FakeExecution {
    const trigger = { kind: "api", user: this.user.id };
    return new FakeExecution(executionId, this.journals).emit({
      type: "execution:queued",
      agentType,
      config,
      trigger,
    });
  }

  /** An execution that was started, e.g. by the code that is tested. */
  execution(executionId: string): FakeExecution {
    if (!this.journals.record(executionId)) throw new Error(`there is no execution ${executionId}`);
    return new FakeExecution(executionId, this.journals);
  }

  /** The execution that was started last. */
  get last(): FakeExecution {
    const [record] = this.journals.records();
    if (!record) throw new Error("nothing was started yet");
    return this.execution(record.executionId);
  }

  /** Refuses the next message of a type, e.g. `agent:execute`. */
  refuse(type: ClientMessage["type"], refusal: Partial<Refusal> & { readonly message: string }): void {
    this.#refusals.push({ type, refusal: { code: "forbidden", retryable: false, ...refusal } });
  }

  /** Goes away: connections are lost and nothing is answered until {@link comeBack}. */
  goAway(): void {
    this.#away = true;
    this.disconnect();
  }

  comeBack(): void {
    this.#away = false;
  }

  /** Cuts every connection; clients come back by themselves. */
  disconnect(code = 1006, reason = ""): void {
    for (const socket of [...this.#sockets]) socket.close(code, reason);
  }

  // What sockets and REST ask

  newConnectionId(): string {
    return `c${++this.#connections}`;
  }

  joined(socket: FakeSocket): boolean {
    if (this.#away) return false;
    this.#sockets.add(socket);
    return true;
  }

  left(socket: FakeSocket): void {
    this.#sockets.delete(socket);
  }

  refusalOf(message: ClientMessage): Refusal | undefined {
    const at = this.#refusals.findIndex(({ type }) => type === message.type);
    if (at >= 0) return this.#refusals.splice(at, 1)[0]?.refusal;
    if (message.type === "agent:execute" && !this.agents.some(({ name }) => name === message.agentType)) {
      return { code: "not_found", message: `there is no agent ${message.agentType}`, retryable: false };
    }
    return undefined;
  }

  execute(
    agentType: string,
    config: Readonly<Record<string, unknown>>,
    key: string | undefined,
  ): { execution: FakeExecution; existing: boolean } {
    const known = key === undefined ? undefined : this.#keys.get(key);
    if (known) return { execution: known, existing: true };
    const execution = this.start(agentType, config);
    if (key !== undefined) this.#keys.set(key, execution);
    // After the answer, as a real agent's first line would come.
    queueMicrotask(() => this.onExecute(execution));
    return { execution, existing: false };
  }

  stop(executionId: string, reason: string | undefined): void {
    queueMicrotask(() => {
      const execution = this.execution(executionId);
      if (!execution.record.terminal) execution.cancel(this.user.id, reason);
    });
  }

  search(
    executionId: string,
    { query, regex, caseSensitive }: { query: string; regex?: boolean; caseSensitive?: boolean },
  ): SearchMatch[] {
    const text = regex ? query : query.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const pattern = new RegExp(text, caseSensitive ? "gu" : "giu");
    return (this.journals.events(executionId) ?? []).flatMap((event) => {
      if (event.type !== "execution:log") return [];
      const ranges = [...event.message.matchAll(pattern)].map(
        ({ index, 0: found }) => [index, index + found.length] as const,
      );
      return ranges.length > 0 ? [{ seq: event.seq, ranges, message: event.message } as SearchMatch] : [];
    });
  }

  system(): SystemStatusMessage {
    const active = this.journals.records().filter((record) => !record.terminal);
    const queued = active.filter((record) => record.status === "queued").length;
    return {
      type: "system:status",
      timestamp: new Date(this.now()).toISOString(),
      cpu: 12,
      memory: { used: 4_000_000_000, total: 16_000_000_000, percent: 25 },
      disk: { path: "/", used: 50_000_000_000, total: 100_000_000_000, percent: 50 },
      load: [0.5, 0.4, 0.3],
      executions: { queued, running: active.length - queued },
    } as unknown as SystemStatusMessage;
  }

  async #fetch(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
    init?.signal?.throwIfAborted();
    const url = new URL(typeof input === "object" && "url" in input ? input.url : String(input));
    if (this.#away || url.origin !== this.base.origin) throw new TypeError("fetch failed: nobody answers");
    const method = init?.method ?? "GET";
    const body = typeof init?.body === "string" ? init.body : "";
    const given = await this.routes(url, method, body);
    if (given) return given;
    try {
      return await answer(this, url, method, body);
    } catch (error) {
      return problem(500, "internal", String(error));
    }
  }
}

const UNLIMITED = {
  maxMessageBytes: 1_048_576,
  messagesPerSecond: 0,
  messageBurst: 0,
  userMessagesPerSecond: 0,
  maxSubscriptions: 0,
  maxConnectionsPerUser: 0,
  maxConnections: 0,
  maxQueuedExecutions: 0,
} as unknown as Limits;
