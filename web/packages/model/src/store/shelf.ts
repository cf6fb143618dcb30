/** How long a store that nobody listens to is safe: a page that is being drawn has not subscribed yet. */
const SAFE_MS = 5000;

/** What a shelf must know of a store. */
export interface Shelved {
  /** Whether anybody listens. */
  readonly inUse: boolean;
  close(): void;
}

interface Place<T> {
  readonly store: T;
  /** When it was last asked for. */
  askedAt: number;
}

/**
 * Holds the stores of one kind by id. The same id gives the same store, however often it is asked for.
 * Stores in use are never let go of; of the others the newest few stay, so that going back is instant.
 */
export class Shelf<T extends Shelved> {
  /** Asked for longest ago first. */
  readonly #places = new Map<string, Place<T>>();
  readonly #make: (id: string) => T;
  readonly #keep: number;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(keep: number, make: (id: string) => T) {
    this.#keep = keep;
    this.#make = make;
  }

  get size(): number {
    return this.#places.size;
  }

  get(id: string): T {
    const place = this.#places.get(id) ?? { store: this.#make(id), askedAt: 0 };
    place.askedAt = Date.now();
    this.#places.delete(id);
    this.#places.set(id, place);
    if (this.#places.size > this.#keep) this.#clearLater();
    return place.store;
  }

  /** Closes all and forgets those that nobody listens to. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const [id, { store }] of this.#places) {
      if (!store.inUse) this.#places.delete(id);
      store.close();
    }
  }

  #clearLater(): void {
    if (this.#timer !== null) return;
    const timer = setTimeout(() => {
      this.#timer = null;
      this.#clear();
    }, SAFE_MS);
    this.#timer = timer;
    // Where pages are rendered on a server this must not keep the process alive.
    if (typeof timer === "object" && "unref" in timer) (timer as { unref(): void }).unref();
  }

  #clear(): void {
    const now = Date.now();
    const idle = [...this.#places].filter(([, place]) => !place.store.inUse);
    const spare = idle.slice(0, Math.max(0, idle.length - this.#keep));
    for (const [id, place] of spare) {
      if (now - place.askedAt < SAFE_MS) continue;
      this.#places.delete(id);
      place.store.close();
    }
    if (idle.length > this.#keep) this.#clearLater();
  }
}
