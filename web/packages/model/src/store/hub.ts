import {
  type Api,
  type Connection,
  type ConnectionOptions,
  type ConnectionPool,
  connect,
  createApi,
  type Lease,
} from "@claudeops/client";
import { LogStore } from "../log/store.js";
import { Clock } from "./clock.js";
import { ConnectionStore } from "./connection.js";
import { ExecutionStore } from "./execution.js";
import { ExecutionsStore } from "./executions.js";
import { logSource } from "./log-source.js";
import { SystemStore } from "./system.js";

export interface HubOptions extends ConnectionOptions {
  /** Shares connections with others. Default: a connection of its own. */
  readonly pool?: ConnectionPool;
  /** Milliseconds between the host's figures. Default 2,000. */
  readonly systemIntervalMs?: number;
}

/** Logs that nobody looks at are kept, so that going back to one is instant. */
const KEPT_LOGS = 4;

/**
 * Everything the hooks of one provider stand on: one connection, and the stores fed by it. Lives
 * outside React. Opens nothing until somebody listens, so it is harmless where pages are rendered
 * on a server.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #logs = new Map<string, LogStore>();
  readonly #executions = new Map<string, ExecutionStore>();
  #lease: Lease | null = null;
  #api: Api | null = null;
  #users = 0;
  #closeTimer: ReturnType<typeof setTimeout> | null = null;

  readonly connectionState: ConnectionStore;
  readonly executions: ExecutionsStore;
  readonly system: SystemStore;
  readonly clock: Clock = new Clock();

  constructor(options: HubOptions = {}) {
    this.#options = options;
    this.connectionState = new ConnectionStore(this);
    this.executions = new ExecutionsStore(this);
    this.system = new SystemStore(this, options.systemIntervalMs ?? 2000);
  }

  get connection(): Connection {
    if (!this.#lease) {
      const { pool, systemIntervalMs: _interval, ...options } = this.#options;
      if (pool) this.#lease = pool.acquire(options);
      else {
        const connection = connect(options);
        this.#lease = { connection, release: () => connection.close() };
      }
    }
    return this.#lease.connection;
  }

  get api(): Api {
    this.#api ??= createApi(this.#options);
    return this.#api;
  }

  /** The log of an execution; the same store for everybody who asks. */
  log(executionId: string): LogStore {
    let store = this.#logs.get(executionId);
    if (store) this.#logs.delete(executionId);
    else {
      store = new LogStore(
        logSource(
          () => this.connection,
          () => this.api,
          executionId,
        ),
      );
    }
    this.#logs.set(executionId, store);
    for (const [id, kept] of this.#logs) {
      if (this.#logs.size <= KEPT_LOGS) break;
      if (!kept.listened && id !== executionId) this.#logs.delete(id);
    }
    return store;
  }

  execution(executionId: string): ExecutionStore {
    let store = this.#executions.get(executionId);
    if (!store) {
      store = new ExecutionStore(this, executionId);
      this.#executions.set(executionId, store);
      for (const id of this.#executions.keys()) {
        if (this.#executions.size <= 32) break;
        if (!this.#executions.get(id)?.inUse && id !== executionId) this.#executions.delete(id);
      }
    }
    return store;
  }

  /** Stops an execution: shown at once, taken back if the server refuses. */
  async cancel(executionId: string, reason?: string): Promise<void> {
    this.executions.markCancelling(executionId);
    try {
      await this.connection.cancel(executionId, reason);
    } catch (error) {
      this.executions.unmarkCancelling(executionId);
      throw error;
    }
  }

  /** A provider is there. The returned function says it has gone; the last one closes the connection, a little later. */
  retain(): () => void {
    this.#users++;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#closeTimer = null;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#users--;
      if (this.#users > 0) return;
      this.#closeTimer = setTimeout(() => this.close(), 1000);
    };
  }

  close(): void {
    this.connectionState.close();
    this.executions.close();
    this.system.close();
    this.clock.close();
    for (const log of this.#logs.values()) log.close();
    for (const execution of this.#executions.values()) execution.close();
    this.#lease?.release();
    this.#lease = null;
  }
}
