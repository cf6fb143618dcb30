import { applyEvent, type ClaudeOpsError, type ExecutionRecord } from "@claudeops/client";
import type { StoreHost } from "./host.js";
import { Observable } from "./observable.js";
import { keepWatching } from "./rewatch.js";

/** All executions the feed tells of. */
export interface ExecutionsState {
  /** By id. */
  readonly records: ReadonlyMap<string, ExecutionRecord>;
  /** Those that have not ended, oldest first. */
  readonly active: readonly ExecutionRecord[];
  /** All, newest first. */
  readonly all: readonly ExecutionRecord[];
  /** False until the server has told what there is. */
  readonly ready: boolean;
  /** Why the feed has ended: the server refused it. */
  readonly error: ClaudeOpsError | null;
}

export const NO_EXECUTIONS: ExecutionsState = {
  records: new Map(),
  active: [],
  all: [],
  ready: false,
  error: null,
};

/** The lifecycle of every execution, live: a snapshot, then each event folded in. */
export class ExecutionsStore extends Observable<ExecutionsState> {
  readonly #hub: StoreHost;
  #records = new Map<string, ExecutionRecord>();
  #stop: (() => void) | null = null;

  constructor(hub: StoreHost) {
    super(NO_EXECUTIONS);
    this.#hub = hub;
  }

  protected start(): void {
    const { connection } = this.#hub;
    this.#stop = keepWatching(
      connection,
      (onError) =>
        connection.watchExecutions(
          {},
          {
            onSnapshot: (executions) => {
              // What the page itself has asked to stop stays so until the server's own word.
              const cancelling = new Set(
                [...this.#records.values()]
                  .filter((r) => r.status === "cancelling")
                  .map((r) => r.executionId),
              );
              this.#records = new Map();
              for (const record of executions) {
                const still = cancelling.has(record.executionId) && record.status === "running";
                this.#records.set(record.executionId, still ? { ...record, status: "cancelling" } : record);
              }
              this.#publish(true);
            },
            onEvents: (events) => {
              for (const event of events) {
                const record = applyEvent(this.#records.get(event.executionId), event);
                if (record) this.#records.set(event.executionId, record);
              }
              this.#publish(this.latest.ready);
            },
            onError,
          },
        ),
      (error) => this.set({ ...this.latest, error }),
    );
  }

  protected stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  /** Shows an execution as being stopped before the server's own word arrives. */
  markCancelling(executionId: string): void {
    const record = this.#records.get(executionId);
    if (!record || record.terminal) return;
    this.#records.set(executionId, { ...record, status: "cancelling" });
    this.#publish(this.latest.ready);
  }

  /** Takes back markCancelling when the request failed. */
  unmarkCancelling(executionId: string): void {
    const record = this.#records.get(executionId);
    if (record?.status !== "cancelling") return;
    this.#records.set(executionId, { ...record, status: record.startedAt ? "running" : "queued" });
    this.#publish(this.latest.ready);
  }

  #publish(ready: boolean): void {
    const all = [...this.#records.values()].sort(newestFirst);
    const active = all.filter((record) => !record.terminal).reverse();
    this.set({ records: new Map(this.#records), active, all, ready, error: null });
  }
}

/** Ids are ULIDs: they sort by when an execution was queued. */
function newestFirst(a: ExecutionRecord, b: ExecutionRecord): number {
  return a.executionId < b.executionId ? 1 : a.executionId > b.executionId ? -1 : 0;
}
