import { Observable } from "./observable.js";

/** The time, by the second, for everything that counts up or down on the screen. */
export class Clock extends Observable<number> {
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor() {
    super(0);
  }

  protected start(): void {
    this.set(Date.now());
    this.#timer = setInterval(() => this.set(Date.now()), 1000);
  }

  protected stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
