import type { ClaudeOpsError, SystemStatusMessage } from "@claudeops/client";
import type { StoreHost } from "./host.js";
import { Observable } from "./observable.js";
import { keepWatching } from "./rewatch.js";

export interface SystemState {
  readonly status: SystemStatusMessage | null;
  /** The last samples, oldest first. */
  readonly history: readonly SystemStatusMessage[];
  readonly error: ClaudeOpsError | null;
}

export const NO_SYSTEM: SystemState = { status: null, history: [], error: null };

/** Samples kept: ten minutes at two seconds. */
const KEPT = 300;

/** The host's figures, live, with a short past for charts. */
export class SystemStore extends Observable<SystemState> {
  readonly #hub: StoreHost;
  readonly #intervalMs: number;
  #stop: (() => void) | null = null;

  constructor(hub: StoreHost, intervalMs: number) {
    super(NO_SYSTEM);
    this.#hub = hub;
    this.#intervalMs = intervalMs;
  }

  protected start(): void {
    const { connection } = this.#hub;
    this.#stop = keepWatching(
      connection,
      (onError) =>
        connection.watchSystem(this.#intervalMs, {
          onStatus: (status) => {
            const history = [...this.latest.history.slice(1 - KEPT), status];
            this.set({ status, history, error: null });
          },
          onError,
        }),
      (error) => this.set({ ...this.latest, error }),
    );
  }

  protected stop(): void {
    this.#stop?.();
    this.#stop = null;
  }
}
