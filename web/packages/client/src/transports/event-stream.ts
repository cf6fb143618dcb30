/**
 * Reads text/event-stream as it comes in pieces, and gives the data of each event: a frame. Names and
 * ids of events are of no use here: a frame says itself what it is, and cursors are kept by execution.
 */
export class EventStream {
  readonly #frame: (text: string) => void;
  #rest = "";
  #data: string | undefined;

  constructor(frame: (text: string) => void) {
    this.#frame = frame;
  }

  push(piece: string): void {
    const text = this.#rest + piece;
    let start = 0;
    for (;;) {
      const end = text.indexOf("\n", start);
      if (end < 0) break;
      const line = text.slice(start, end > start && text[end - 1] === "\r" ? end - 1 : end);
      start = end + 1;
      if (line === "") {
        const data = this.#data;
        this.#data = undefined;
        if (data !== undefined) this.#frame(data);
      } else if (line.startsWith("data:")) {
        const value = line.slice(line[5] === " " ? 6 : 5);
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
      }
    }
    this.#rest = text.slice(start);
  }
}
