import type { QueueOptions } from "./options.js";
import { Pacer } from "./pacer.js";
import type { Limits } from "./protocol.gen.js";
import { type Outgoing, OutgoingQueue } from "./queue.js";
import type { Transport } from "./transports/transport.js";

/** What a server takes that says nothing else. */
const defaultMessageBytes = 64 * 1024;

/** How often to look whether a transport that was full has room again. */
const fullMs = 20;

/**
 * Sends what is queued as soon as there is a transport, it has room, and the server's rate allows:
 * everything of one moment in one frame.
 */
export class Outbox {
  readonly #queue: OutgoingQueue;
  readonly #pacer = new Pacer();
  readonly #sent: (item: Outgoing) => void;
  #transport: Transport | undefined;
  #maxBytes = defaultMessageBytes;
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limits: QueueOptions, sent: (item: Outgoing) => void) {
    this.#queue = new OutgoingQueue(limits);
    this.#sent = sent;
  }

  /** How many bytes a message may have. */
  get maxBytes(): number {
    return this.#maxBytes;
  }

  attach(transport: Transport, limits: Limits): void {
    this.#transport = transport;
    this.#maxBytes = limits.maxMessageBytes || Number.POSITIVE_INFINITY;
    this.#pacer.begin(limits);
    this.#schedule();
  }

  detach(): void {
    this.#transport = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  push(item: Outgoing, mandatory: boolean): void {
    this.#queue.push(item, mandatory);
    this.#schedule();
  }

  putBack(items: readonly Outgoing[]): void {
    this.#queue.putBack(items);
    this.#schedule();
  }

  remove(item: Outgoing): void {
    this.#queue.remove(item);
  }

  /** The server wants to hear nothing for so long. */
  pause(ms: number): void {
    this.#pacer.pause(ms);
  }

  #schedule(): void {
    if (this.#scheduled || this.#transport === undefined) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#queue.size > 0) {
      const transport = this.#transport;
      if (transport === undefined) return;
      const waitMs = transport.writable ? this.#pacer.waitMs : fullMs;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), waitMs);
        return;
      }
      const items = this.#queue.take(this.#pacer.allowed, Math.min(this.#maxBytes, defaultMessageBytes));
      this.#pacer.spend(items.length);
      for (const item of items) this.#sent(item);
      transport.send(items);
    }
  }
}
