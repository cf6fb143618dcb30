import { Observable } from "./observable.js";

/** The server's time, by the second, for everything that counts up or down on the screen. */
export class Clock extends Observable<number> {
  #timer: ReturnType<typeof setInterval> | null = null;

  readonly #now: () => number;

  constructor(now: () => number) {
    super(0);
    this.#now = now;
  }

  protected start(): void {
    this.set(this.#now());
    this.#timer = setInterval(() => this.set(this.#now()), 1000);
  }

  protected stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
