import type { Connection } from "./connection.js";
import type { ConnectionOptions } from "./options.js";

/** A user's hold on a pooled connection. */
export interface Lease {
  readonly connection: Connection;
  /** Gives it back; the connection stays open for others, or for a while. Safe twice. */
  release(): void;
}

export interface PoolOptions {
  /** Connections at most. Default 5. */
  readonly limit?: number;
  /** Milliseconds a connection that nobody uses stays open. Default 30,000. */
  readonly idleMs?: number;
}

/**
 * Shares one connection per server and credential between all who ask for it. When the limit is
 * reached, the unused connection that was used longest ago is closed; when all are in use, `acquire`
 * throws a PoolFullError.
 */
export interface ConnectionPool {
  /**
   * Gives the connection for that server and credential, opening it when there is none. Token
   * providers and `renew` functions are told apart by identity: pass the same function, not a new one
   * each time. Other options count only when the connection is opened.
   */
  acquire(options?: ConnectionOptions): Lease;
  /** How many connections it holds, in use or not. */
  readonly size: number;
  /** Closes all. Safe twice. */
  close(): void;
}

export declare function createPool(options?: PoolOptions): ConnectionPool;
