import type { TransportName } from "../options.js";
import { closeFailure, failure, problem } from "../problems.js";
import { type ConnectionMessage, closeCodes } from "../protocol.gen.js";
import { EventStream } from "./event-stream.js";
import { HttpTransport, readText } from "./http.js";
import { takeSeat } from "./seats.js";
import { messageOf, type OpenTransport } from "./transport.js";

/** A stream that lasted so long and ends in good order was only cut by something on its way. */
const provenMs = 5000;

/** Server-sent events, over fetch: EventSource could carry no token and would hide why it failed. */
class ServerSentEvents extends HttpTransport {
  readonly name: TransportName = "sse";
  #reading: AbortController | undefined;
  #silenceMs: number | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  override greeted(greeting: ConnectionMessage): void {
    super.greeted(greeting);
    const { intervalMs, timeoutMs } = greeting.heartbeat;
    // The server sends a comment at least so often.
    this.#silenceMs = intervalMs > 0 ? intervalMs + Math.max(timeoutMs, 1000) : undefined;
    this.#heard();
  }

  override reread(): void {
    if (this.done) return;
    this.stopReading();
    const reading = new AbortController();
    this.#reading = reading;
    void this.#read(reading.signal);
  }

  override stopReading(): void {
    clearTimeout(this.#silence);
    this.#reading?.abort();
  }

  async #read(signal: AbortSignal): Promise<void> {
    if (!(await takeSeat(this.context.base, signal))) {
      if (!signal.aborted) this.fail(failure(problem("network", "other tabs hold the event streams")));
      return;
    }
    if (signal.aborted) return;
    const query = this.following.query((id) => this.context.cursor(id));
    if (this.following.systemMs !== undefined) query.set("system", String(this.following.systemMs));
    const answer = await this.get("api/events", query, "text/event-stream", signal);
    if (answer === undefined) return;
    const kind = answer.headers.get("Content-Type") ?? "nothing";
    if (!kind.startsWith("text/event-stream")) {
      this.fail(
        failure(
          problem("protocol", `instead of an event stream the server sent ${kind}`, { recoverable: false }),
        ),
      );
      return;
    }
    const began = performance.now();
    const stream = new EventStream((frame) => {
      if (!signal.aborted) this.frame(frame);
    });
    try {
      await readText(answer, (text) => {
        if (signal.aborted) return;
        this.#heard();
        stream.push(text);
      });
    } catch (reason) {
      if (!signal.aborted) this.fail(failure(problem("network", messageOf(reason))));
      return;
    }
    if (signal.aborted) return;
    if (performance.now() - began > provenMs) this.reread();
    else this.fail(failure(problem("restart", "the server ended the stream")));
  }

  #heard(): void {
    this.alive();
    clearTimeout(this.#silence);
    if (this.#silenceMs === undefined || this.done) return;
    this.#silence = setTimeout(() => this.fail(closeFailure(closeCodes.heartbeat, "")), this.#silenceMs);
  }
}

export const openServerSentEvents: OpenTransport = (context, handlers) => {
  const transport = new ServerSentEvents(context, handlers);
  transport.reread();
  return transport;
};
