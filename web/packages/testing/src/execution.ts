import type { ExecutionRecord } from "@claudeops/client";
import type { Journals, NewEvent } from "./journals.js";

/** What a line may say of itself. */
export interface LineOptions {
  readonly level?: "debug" | "info" | "warn" | "error";
  readonly stream?: "stdout" | "stderr" | "agent";
  readonly data?: unknown;
}

/** An execution in the hands of a test. */
export class FakeExecution {
  readonly executionId: string;
  readonly #journals: Journals;

  constructor(executionId: string, journals: Journals) {
    this.executionId = executionId;
    this.#journals = journals;
  }

  /** As it stands now. */
  get record(): ExecutionRecord {
    const record = this.#journals.record(this.executionId);
    if (!record) throw new Error(`there is no execution ${this.executionId}`);
    return record;
  }

  /** Adds any event of the protocol. */
  emit(event: NewEvent): this {
    this.#journals.append(this.executionId, event);
    return this;
  }

  /** Writes lines. */
  log(message: string | readonly string[], options: LineOptions = {}): this {
    for (const line of typeof message === "string" ? [message] : message)
      this.emit({ type: "execution:log", level: "info", stream: "stdout", ...options, message: line });
    return this;
  }

  /** `percent` is 0 to 100. */
  progress(percent: number, message?: string): this {
    return this.emit({ type: "execution:progress", progress: percent, ...(message ? { message } : {}) });
  }

  complete(result?: unknown): this {
    return this.emit({
      type: "execution:completed",
      exitCode: 0,
      ...this.#end(),
      ...(result === undefined ? {} : { result }),
    });
  }

  fail(error: string, more: { readonly exitCode?: number; readonly reason?: string } = {}): this {
    const { exitCode = 1, reason = "exit_code" } = more;
    return this.emit({ type: "execution:failed", error, exitCode, reason, ...this.#end() });
  }

  /** Ends it as `Stop` does. */
  cancel(by = "owner", reason?: string): this {
    return this.emit({
      type: "execution:cancelled",
      by,
      ...(reason === undefined ? {} : { reason }),
      ...this.#end(),
    });
  }

  #end() {
    return { cost: this.record.cost, durationMs: 0, processesReaped: 0 };
  }
}
