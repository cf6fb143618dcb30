import type { Priority } from "./connection.js";
import { ClaudeOpsError, type ConnectionError, RequestError, TimeoutError } from "./errors.js";
import { stringifyJson } from "./json.js";
import type { QueueOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import type { ClientMessage, Limits, ServerMessage } from "./protocol.gen.js";
import type { Outgoing } from "./queue.js";
import type { Transport } from "./transports/transport.js";

/** One message and what is to be done with its answer. */
export interface RequestSpec {
  readonly message: ClientMessage;
  readonly priority: Priority;
  /** Milliseconds until the answer, or between two parts of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * What happens when the connection is lost after it was sent: it is sent `again` (the server does
   * nothing twice over it), it `fails`, or it is `dropped` without a word (who asked will ask anew).
   */
  readonly whenLost: "again" | "fails" | "dropped";
  /** Whether it finds room in a full queue. */
  readonly mandatory?: boolean;
  /** It has gone to the transport. */
  sent?(): void;
  /** An answer came. Whether it was the last one. */
  answered(message: ServerMessage): boolean;
  failed(error: unknown): void;
}

interface Pending {
  readonly spec: RequestSpec;
  readonly item: Outgoing;
  sent: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
  readonly aborted: () => void;
}

const encoder = new TextEncoder();

/** Pairs what is sent with what answers it, by id, however often the connection changes in between. */
export class Requests {
  readonly #outbox: Outbox;
  readonly #pending = new Map<string, Pending>();
  #lastId = 0;

  constructor(limits: QueueOptions) {
    this.#outbox = new Outbox(limits, (item) => {
      const pending = this.#pending.get(item.message.id ?? "");
      if (pending === undefined) return;
      pending.sent = true;
      pending.spec.sent?.();
    });
  }

  /** Sends a message. Throws a QueueFullError when there is no room; everything else is told to `failed`. */
  start(spec: RequestSpec): void {
    const id = (++this.#lastId).toString(36);
    const message = { ...spec.message, id };
    const item: Outgoing = { message, line: stringifyJson(message), priority: spec.priority };
    const bytes = encoder.encode(item.line).length;
    if (bytes > this.#outbox.maxBytes) {
      // The server would close the connection over it, and take everybody else's work with it.
      throw new RequestError(
        "too_large",
        `the message ${message.type} has ${bytes} bytes, and the server takes ${this.#outbox.maxBytes}`,
      );
    }
    spec.signal?.throwIfAborted();
    this.#outbox.push(item, spec.mandatory ?? false);
    const pending: Pending = {
      spec,
      item,
      sent: false,
      timer: undefined,
      aborted: () => this.#fail(id, spec.signal?.reason),
    };
    this.#startTimer(id, pending);
    spec.signal?.addEventListener("abort", pending.aborted);
    this.#pending.set(id, pending);
  }

  /** Takes an answer in. */
  answer(message: ServerMessage): void {
    const id = "id" in message ? message.id : undefined;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return;
    if (message.type !== "error") {
      if (pending.spec.answered(message)) this.#settle(id);
      else if (this.#pending.has(id)) this.#startTimer(id, pending);
      return;
    }
    if (message.code === "rate_limited" && pending.sent) {
      // It was not carried out; it goes again when the server wants to listen.
      this.#outbox.pause(message.retryAfterMs ?? 1000);
      pending.sent = false;
      this.#outbox.putBack([pending.item]);
      return;
    }
    this.#fail(id, refusal(message));
  }

  opened(transport: Transport, limits: Limits): void {
    this.#outbox.attach(transport, limits);
  }

  /** The connection is lost: what was under way is sent again or given up. */
  lost(why: ConnectionError): void {
    this.#outbox.detach();
    const again: Outgoing[] = [];
    for (const [id, pending] of [...this.#pending]) {
      const { whenLost } = pending.spec;
      if (whenLost === "dropped") {
        this.#settle(id);
      } else if (pending.sent) {
        if (whenLost === "again") {
          pending.sent = false;
          again.push(pending.item);
        } else {
          this.#fail(id, why);
        }
      }
    }
    this.#outbox.putBack(again);
  }

  /** The connection will not come back: nothing will be answered. */
  ended(error: ConnectionError): void {
    this.#outbox.detach();
    for (const id of [...this.#pending.keys()]) this.#fail(id, error);
  }

  #startTimer(id: string, pending: Pending): void {
    clearTimeout(pending.timer);
    const { message, timeoutMs } = pending.spec;
    if (!Number.isFinite(timeoutMs)) return;
    pending.timer = setTimeout(() => {
      const how = pending.sent ? "was not answered" : "could not be sent";
      this.#fail(id, new TimeoutError(`${message.type} ${how} within ${timeoutMs} ms`));
    }, timeoutMs);
  }

  #fail(id: string, error: unknown): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#settle(id);
    pending.spec.failed(error);
  }

  #settle(id: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.spec.signal?.removeEventListener("abort", pending.aborted);
    if (!pending.sent) this.#outbox.remove(pending.item);
  }
}

/** The server's error as one to throw. */
export function refusal(message: ServerMessage & { type: "error" }): RequestError {
  const { code, message: text, retryable, retryAfterMs, details } = message;
  return new RequestError(code, text, {
    retryable,
    details,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Any error as one of ours. */
export function ownError(error: unknown): ClaudeOpsError {
  return error instanceof ClaudeOpsError
    ? error
    : new ClaudeOpsError(error instanceof Error ? error.message : String(error), false, { cause: error });
}
