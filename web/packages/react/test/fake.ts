import type {
  AckMessage,
  AgentInput,
  Connection,
  ConnectionOptions,
  ConnectionPool,
  ConnectionState,
  ExecuteRequest,
  ExecuteResult,
  ExecutionRecord,
  ExecutionsHandlers,
  ExecutionWatch,
  RequestMessage,
  SystemHandlers,
  WatchHandlers,
  WatchStart,
} from "@claudeops/client";
import { Hub, type HubOptions, NOT_CONNECTED } from "@claudeops/model";

/** A connection without a server: tests say what happens on it. */
export class FakeConnection implements Connection {
  readonly url = "http://fake.test/";
  state: ConnectionState = NOT_CONNECTED;
  closed = 0;
  retries = 0;
  readonly executed: ExecuteRequest[] = [];
  readonly cancelled: string[] = [];
  refuseCancel: Error | null = null;
  readonly logs = new Map<string, { start: WatchStart; handlers: WatchHandlers }[]>();
  executions: ExecutionsHandlers | null = null;
  system: SystemHandlers | null = null;
  readonly #listeners = new Set<() => void>();

  set(change: Partial<ConnectionState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async ready(): Promise<void> {}
  async measureLatency(): Promise<number> {
    return 1;
  }
  retryNow(): void {
    this.retries++;
  }
  close(): void {
    this.closed++;
  }
  async request(_message: RequestMessage): Promise<AckMessage> {
    return { type: "ack" };
  }
  async execute(request: ExecuteRequest): Promise<ExecuteResult> {
    this.executed.push(request);
    return { executionId: `e${this.executed.length}`, status: "queued", queuePosition: 0, existing: false };
  }
  async cancel(executionId: string): Promise<AckMessage> {
    if (this.refuseCancel) throw this.refuseCancel;
    this.cancelled.push(executionId);
    return { type: "ack" };
  }
  async status(): Promise<ExecutionRecord> {
    throw new Error("not asked for in these tests");
  }
  async input(_executionId: string, _input: AgentInput): Promise<AckMessage> {
    return { type: "ack" };
  }
  watchExecution(executionId: string, start: WatchStart, handlers: WatchHandlers): ExecutionWatch {
    const watches = this.logs.get(executionId) ?? [];
    const entry = { start, handlers };
    this.logs.set(executionId, [...watches, entry]);
    const close = () => {
      const left = (this.logs.get(executionId) ?? []).filter((other) => other !== entry);
      this.logs.set(executionId, left);
    };
    return { executionId, cursor: 0, head: 0, active: true, pause() {}, resume() {}, seek() {}, close };
  }
  watchExecutions(_filter: unknown, handlers: ExecutionsHandlers) {
    this.executions = handlers;
    const close = () => {
      this.executions = null;
    };
    return { active: true, close };
  }
  watchSystem(_interval: number, handlers: SystemHandlers) {
    this.system = handlers;
    const close = () => {
      this.system = null;
    };
    return { active: true, close };
  }
  // biome-ignore lint/correctness/useYield: nothing is found
  async *search(): AsyncGenerator<never> {
    throw new Error("not asked for in these tests");
  }

  /** The only watch of an execution. */
  log(executionId: string): WatchHandlers {
    const watches = this.logs.get(executionId) ?? [];
    if (watches.length !== 1) throw new Error(`${executionId} has ${watches.length} watches`);
    return (watches[0] as { handlers: WatchHandlers }).handlers;
  }
}

export interface World {
  readonly hub: Hub;
  readonly connection: FakeConnection;
  readonly leases: { taken: number; given: number };
}

/** A hub on a fake connection; REST answers with what `routes` gives for a path. */
export function newWorld(
  routes: (path: string) => unknown = () => undefined,
  options: HubOptions = {},
): World {
  const connection = new FakeConnection();
  const leases = { taken: 0, given: 0 };
  const pool: ConnectionPool = {
    size: 1,
    acquire: (_options?: ConnectionOptions) => {
      leases.taken++;
      return { connection, release: () => void leases.given++ };
    },
    close() {},
  };
  const fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const url = new URL(String(input instanceof Request ? input.url : input));
    const body = routes(url.pathname + url.search);
    if (body === undefined) {
      return Response.json({ code: "not_found", detail: "no such thing", retryable: false }, { status: 404 });
    }
    return typeof body === "string" ? new Response(body) : Response.json(body);
  };
  return { hub: new Hub({ url: "http://fake.test/", pool, fetch, ...options }), connection, leases };
}

export function newRecord(executionId: string, change: Partial<ExecutionRecord> = {}): ExecutionRecord {
  return {
    executionId,
    agentType: "counter",
    status: "running",
    terminal: false,
    head: 2,
    queuedAt: "2026-11-22T14:00:00.000Z",
    startedAt: "2026-11-22T14:00:01.000Z",
    cost: 0,
    processesReaped: 0,
    trigger: { kind: "page", user: "owner" },
    ...change,
  };
}

export function newLog(executionId: string, seq: number, message: string) {
  return {
    type: "execution:log",
    executionId,
    seq,
    timestamp: "2026-11-22T14:02:11.201Z",
    level: "info",
    stream: "stdout",
    message,
  } as const;
}
