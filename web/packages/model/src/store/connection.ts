import type { ConnectionState } from "@claudeops/client";
import type { StoreHost } from "./host.js";
import { Observable } from "./observable.js";

/** What is said of a connection before there is one, also on a server that renders the page. */
export const NOT_CONNECTED: ConnectionState = {
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

/** The connection's state as a store. Opens the connection when somebody listens. */
export class ConnectionStore extends Observable<ConnectionState> {
  readonly #hub: StoreHost;
  #leave: (() => void) | null = null;

  constructor(hub: StoreHost) {
    super(NOT_CONNECTED);
    this.#hub = hub;
  }

  protected start(): void {
    const { connection } = this.#hub;
    this.#leave = connection.subscribe(() => this.set(connection.state));
    this.set(connection.state);
  }

  protected stop(): void {
    this.#leave?.();
    this.#leave = null;
  }
}
