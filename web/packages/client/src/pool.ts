import { baseAddress } from "./address.js";
import { connect } from "./connect.js";
import type { Connection } from "./connection.js";
import type { Credential } from "./credential.js";
import { PoolFullError } from "./errors.js";
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

export function createPool(options: PoolOptions = {}): ConnectionPool {
  return new Pool(options);
}

interface Entry {
  readonly key: string;
  readonly connection: Connection;
  users: number;
  idle: ReturnType<typeof setTimeout> | undefined;
}

class Pool implements ConnectionPool {
  readonly #limit: number;
  readonly #idleMs: number;
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  readonly #functions = new WeakMap<object, number>();
  #lastFunction = 0;

  constructor({ limit = 5, idleMs = 30_000 }: PoolOptions) {
    if (!(limit >= 1)) throw new RangeError(`claudeops: a pool's limit must be 1 or more, got ${limit}`);
    this.#limit = limit;
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  acquire(options: ConnectionOptions = {}): Lease {
    const key = `${baseAddress(options.url).href} ${this.#identity(options.credential)}`;
    const entry = this.#entries.get(key) ?? this.#open(key, options);
    this.#touch(entry);
    entry.users++;
    clearTimeout(entry.idle);
    entry.idle = undefined;
    let held = true;
    return {
      connection: entry.connection,
      release: () => {
        if (!held) return;
        held = false;
        this.#release(entry);
      },
    };
  }

  close(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
  }

  #open(key: string, options: ConnectionOptions): Entry {
    if (this.#entries.size >= this.#limit) {
      const unused = [...this.#entries.values()].find(({ users }) => users === 0);
      if (unused === undefined) {
        throw new PoolFullError(
          `all ${this.#limit} connections of the pool are in use; release one, or make a pool with a higher limit`,
        );
      }
      this.#drop(unused);
    }
    const connection = connect(options);
    const entry: Entry = { key, connection, users: 0, idle: undefined };
    this.#entries.set(key, entry);
    // One that somebody has closed is of no use to the next.
    connection.subscribe(() => {
      if (connection.state.status === "closed" && this.#entries.get(key) === entry) this.#drop(entry);
    });
    return entry;
  }

  #touch(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
  }

  #release(entry: Entry): void {
    entry.users--;
    if (entry.users > 0 || this.#entries.get(entry.key) !== entry) return;
    this.#touch(entry);
    entry.idle = setTimeout(() => this.#drop(entry), this.#idleMs);
  }

  #drop(entry: Entry): void {
    clearTimeout(entry.idle);
    this.#entries.delete(entry.key);
    entry.connection.close();
  }

  #identity(credential: Credential = { kind: "cookie" }): string {
    if (credential.kind === "cookie") return `cookie ${this.#functionId(credential.renew)}`;
    const { token, upgrade = "message" } = credential;
    return `${upgrade} ${typeof token === "string" ? JSON.stringify(token) : this.#functionId(token)}`;
  }

  #functionId(of: object | undefined): number {
    if (of === undefined) return 0;
    let id = this.#functions.get(of);
    if (id === undefined) {
      id = ++this.#lastFunction;
      this.#functions.set(of, id);
    }
    return id;
  }
}
