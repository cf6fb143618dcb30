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
import { Shelf } from "./shelf.js";
import { SystemStore } from "./system.js";
import { Viewers } from "./viewers.js";

export interface HubOptions extends ConnectionOptions {
  /** Shares connections with others. Default: a connection of its own. */
  readonly pool?: ConnectionPool;
  /** Milliseconds between the host's figures. Default 2,000. */
  readonly systemIntervalMs?: number;
}

/** Logs that nobody looks at and that are kept: each may hold some megabytes. */
const KEPT_LOGS = 4;
/** Records that nobody looks at and that are kept. */
const KEPT_RECORDS = 32;

/**
 * Everything the hooks of one provider stand on: one connection, and the stores fed by it. Lives
 * outside React. Opens nothing until somebody listens, so it is harmless where pages are rendered
 * on a server.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #logs = new Shelf(
    KEPT_LOGS,
    (executionId) =>
      new LogStore(
        logSource(
          () => this.connection,
          () => this.api,
          executionId,
        ),
      ),
  );
  readonly #executions = new Shelf(KEPT_RECORDS, (executionId) => new ExecutionStore(this, executionId));
  readonly #cancels = new Set<string>();
  #lease: Lease | null = null;
  #api: Api | null = null;
  #users = 0;
  #closeTimer: ReturnType<typeof setTimeout> | null = null;

  readonly connectionState: ConnectionStore;
  readonly executions: ExecutionsStore;
  readonly system: SystemStore;
  /** The log viewers of the page. */
  readonly viewers: Viewers = new Viewers();
  readonly clock: Clock = new Clock(() => this.serverNow());

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
    return this.#logs.get(executionId);
  }

  /** The record of an execution; the same store for everybody who asks. */
  execution(executionId: string): ExecutionStore {
    return this.#executions.get(executionId);
  }

  /** How far the server's clock is ahead of this one, in milliseconds; 0 until that is known. */
  get clockOffsetMs(): number {
    return this.#lease?.connection.state.clockOffsetMs ?? 0;
  }

  /** The server's time: what began and ended there is compared with it. */
  readonly serverNow = (): number => Date.now() + this.clockOffsetMs;

  /**
   * Stops an execution: shown at once, taken back if the server refuses. Without a connection it waits
   * for one, however long that takes: who has pressed Stop means it.
   */
  async cancel(executionId: string, reason?: string): Promise<void> {
    this.executions.markCancelling(executionId);
    this.#cancels.add(executionId);
    try {
      await this.connection.cancel(executionId, reason, { timeoutMs: Number.POSITIVE_INFINITY });
    } catch (error) {
      this.executions.unmarkCancelling(executionId);
      throw error;
    } finally {
      this.#cancels.delete(executionId);
    }
  }

  /** Whether a stop was asked for that the server has not answered yet. */
  isCancelPending(executionId: string): boolean {
    return this.#cancels.has(executionId);
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
    this.#logs.close();
    this.#executions.close();
    this.#lease?.release();
    this.#lease = null;
  }
}
