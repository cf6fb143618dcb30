import { type ClaudeOpsError, type ExecutionRecord, RequestError } from "@claudeops/client";
import type { ExecutionsStore } from "./executions.js";
import type { StoreHost } from "./host.js";
import { Observable } from "./observable.js";

export interface ExecutionState {
  readonly record: ExecutionRecord | null;
  readonly loading: boolean;
  readonly error: ClaudeOpsError | Error | null;
}

export const NO_EXECUTION: ExecutionState = { record: null, loading: true, error: null };

/** A host with the list of all executions. */
interface ExecutionsHost extends StoreHost {
  readonly executions: ExecutionsStore;
}

/**
 * One execution's record: asked for once, then kept by the executions feed; asked for again when the
 * connection comes back.
 */
export class ExecutionStore extends Observable<ExecutionState> {
  readonly #hub: ExecutionsHost;
  readonly #id: string;
  #leave: (() => void)[] = [];
  #controller: AbortController | null = null;

  constructor(hub: ExecutionsHost, executionId: string) {
    super(NO_EXECUTION);
    this.#hub = hub;
    this.#id = executionId;
  }

  protected start(): void {
    const { executions, connection } = this.#hub;
    const fromFeed = () => {
      const record = executions.get().records.get(this.#id);
      if (record) this.#take(record);
    };
    this.#leave.push(executions.subscribe(fromFeed));
    let opened = connection.state.openSince;
    this.#leave.push(
      connection.subscribe(() => {
        const { openSince } = connection.state;
        if (openSince !== null && openSince !== opened) void this.refresh();
        opened = openSince;
      }),
    );
    fromFeed();
    void this.refresh();
  }

  protected stop(): void {
    for (const leave of this.#leave) leave();
    this.#leave = [];
    this.#controller?.abort();
    this.#controller = null;
  }

  /** Asks the server again. */
  async refresh(): Promise<void> {
    this.#controller?.abort();
    const controller = new AbortController();
    this.#controller = controller;
    try {
      const record = await this.#hub.api.executions.get(this.#id, { signal: controller.signal });
      if (controller.signal.aborted) return;
      // What no event tells, such as a pin, is only in the record that was asked for.
      if ((this.latest.record?.head ?? 0) <= record.head) this.set({ record, loading: false, error: null });
      else this.#take(record);
    } catch (error) {
      if (controller.signal.aborted) return;
      const problem = error instanceof Error ? error : new Error(String(error));
      // What is known stays on the screen; only a plain refusal replaces it.
      const refused = problem instanceof RequestError && problem.code === "not_found";
      this.set({ record: refused ? null : this.latest.record, loading: false, error: problem });
    }
  }

  #take(record: ExecutionRecord): void {
    const known = this.latest.record;
    if (known && known.head > record.head) {
      this.set({ ...this.latest, loading: false, error: null });
      return;
    }
    if (known && known.head === record.head && known.status === record.status && !this.latest.loading) return;
    // The feed's records may lack what only the full one has.
    this.set({ record: known ? { ...known, ...record } : record, loading: false, error: null });
  }
}
