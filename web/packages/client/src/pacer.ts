import type { Limits } from "./protocol.gen.js";

/**
 * Keeps within the server's rate, so that a burst of ours waits here and is not refused there. A
 * token bucket like the server's own, a little smaller.
 */
export class Pacer {
  #perMs = Number.POSITIVE_INFINITY;
  #burst = Number.POSITIVE_INFINITY;
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;
  #pausedUntil = 0;

  /** Begins anew with the limits of a connection that has just opened. */
  begin({ messagesPerSecond, messageBurst }: Pick<Limits, "messagesPerSecond" | "messageBurst">): void {
    const limited = messagesPerSecond > 0 && messageBurst > 0;
    this.#perMs = limited ? (messagesPerSecond * 0.9) / 1000 : Number.POSITIVE_INFINITY;
    this.#burst = limited ? Math.max(1, Math.floor(messageBurst * 0.9)) : Number.POSITIVE_INFINITY;
    this.#tokens = this.#burst;
    this.#at = Date.now();
    this.#pausedUntil = 0;
  }

  /** The server refused a message for its rate. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + ms);
  }

  /** How many messages may go now. */
  get allowed(): number {
    const now = Date.now();
    if (now < this.#pausedUntil) return 0;
    if (this.#burst === Number.POSITIVE_INFINITY) return this.#burst;
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#at) * this.#perMs);
    this.#at = now;
    return Math.floor(this.#tokens);
  }

  spend(messages: number): void {
    this.#tokens -= messages;
  }

  /** Milliseconds until at least one may go. */
  get waitMs(): number {
    const paused = this.#pausedUntil - Date.now();
    if (paused > 0) return paused;
    return this.allowed > 0 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs);
  }
}
