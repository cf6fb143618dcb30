import { onFrame } from "../log/frame.js";

/**
 * A value outside React that tells its listeners of changes, once per animation frame however often
 * it changed. Subclasses learn when somebody begins to listen and when nobody does any more.
 */
export abstract class Observable<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;
  #next: T;
  #cancelFrame: (() => void) | null = null;
  #stopTimer: ReturnType<typeof setTimeout> | null = null;
  #running = false;

  constructor(initial: T) {
    this.#value = initial;
    this.#next = initial;
  }

  readonly get = (): T => this.#value;

  /** What the value will be at the next frame. */
  protected get latest(): T {
    return this.#next;
  }

  /** Whether anybody listens. */
  get inUse(): boolean {
    return this.#listeners.size > 0;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#stopTimer !== null) clearTimeout(this.#stopTimer);
    this.#stopTimer = null;
    if (!this.#running) {
      this.#running = true;
      this.start();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0 || this.#stopTimer !== null) return;
      // StrictMode and page changes leave and come back at once.
      this.#stopTimer = setTimeout(() => this.close(), 500);
    };
  };

  /** Stops at once, whoever listens. A new listener starts it again. */
  close(): void {
    if (this.#stopTimer !== null) clearTimeout(this.#stopTimer);
    this.#stopTimer = null;
    this.#cancelFrame?.();
    this.#cancelFrame = null;
    if (!this.#running) return;
    this.#running = false;
    this.stop();
  }

  protected set(value: T): void {
    if (Object.is(value, this.#next)) return;
    this.#next = value;
    if (this.#listeners.size === 0) {
      this.#value = value;
      return;
    }
    this.#cancelFrame ??= onFrame(() => {
      this.#cancelFrame = null;
      this.#value = this.#next;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Somebody listens. */
  protected abstract start(): void;
  /** Nobody has listened for a while. */
  protected abstract stop(): void;
}
