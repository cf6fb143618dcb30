/** The longest time between the presses of a double click, as systems set it by default. */
const DOUBLE_MS = 500;

/** Tells the second press of a double click from a press of its own: it asks for the same, at once. */
export class DoublePress {
  #key = "";
  #at = Number.NEGATIVE_INFINITY;

  /** Whether what `key` stands for is to be done; `now` only ever grows. */
  admits(key: string, now: number): boolean {
    const double = key === this.#key && now - this.#at < DOUBLE_MS;
    this.#key = key;
    this.#at = now;
    return !double;
  }
}
