import { applyEvent, type ExecutionEvent, type ExecutionRecord, type WatchedEvent } from "@claudeops/client";

/** An event without what the journal gives it. */
export type NewEvent = { readonly type: ExecutionEvent["type"] } & Readonly<Record<string, unknown>>;

/** Told of every event that is added. */
export type JournalListener = (event: WatchedEvent, record: ExecutionRecord) => void;

/** The executions of a fake server: each an append-only list of events, and the record they come to. */
export class Journals {
  readonly #events = new Map<string, WatchedEvent[]>();
  readonly #records = new Map<string, ExecutionRecord>();
  readonly #listeners = new Set<JournalListener>();
  readonly #now: () => number;
  #last = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** An id that sorts behind those before it, as a server's do. */
  newId(): string {
    return `01TEST${String(++this.#last).padStart(20, "0")}`;
  }

  events(executionId: string): readonly WatchedEvent[] | undefined {
    return this.#events.get(executionId);
  }

  record(executionId: string): ExecutionRecord | undefined {
    return this.#records.get(executionId);
  }

  /** Newest first. */
  records(): ExecutionRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.executionId < b.executionId ? 1 : -1));
  }

  append(executionId: string, { type, ...fields }: NewEvent): WatchedEvent {
    const events = this.#events.get(executionId) ?? [];
    const before = this.#records.get(executionId);
    if (before?.terminal)
      throw new Error(`${executionId} has ended (${before.status}); nothing can be added to it`);
    const timestamp = new Date(this.#now()).toISOString();
    const event = {
      type,
      executionId,
      seq: events.length + 1,
      timestamp,
      ...fields,
    } as unknown as WatchedEvent;
    const record = applyEvent(before, event);
    if (record === null) throw new Error(`the first event of ${executionId} must be execution:queued`);
    events.push(event);
    this.#events.set(executionId, events);
    this.#records.set(executionId, record);
    for (const listener of [...this.#listeners]) listener(event, record);
    return event;
  }

  listen(listener: JournalListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
