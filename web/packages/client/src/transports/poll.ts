import { parseFrame } from "../frame.js";
import type { TransportName } from "../options.js";
import { closeFailure, failure, problem } from "../problems.js";
import { closeCodes } from "../protocol.gen.js";
import { HttpTransport, readText } from "./http.js";
import { takeSeat } from "./seats.js";
import { messageOf, type OpenTransport } from "./transport.js";

/** How long the server may wait with an empty answer, and how much longer that may take on its way. */
const waitMs = 25_000;
const lateMs = 10_000;

/** An answer sooner than this that says nothing is not waited for properly: something makes it hasty. */
const hastyMs = 200;
const maxPauseMs = 10_000;

/** How long a poll without a seat lets the connections be between two questions. */
const unseatedPauseMs = 1000;

/** The way that goes through anything: asking again and again, each time from the cursors. */
class LongPoll extends HttpTransport {
  readonly name: TransportName = "poll";
  #asking: AbortController | undefined;
  #connectionId: string | undefined;
  #executions: string | undefined;
  #sampling: ReturnType<typeof setTimeout> | undefined;
  #sampledMs: number | undefined;
  #hasty = 0;
  /** Whether it may hold a connection while it waits. */
  #seated = false;
  readonly #life = new AbortController();

  override reread(): void {
    if (this.done) return;
    this.stopReading();
    const asking = new AbortController();
    this.#asking = asking;
    void this.#ask(asking.signal);
    if (this.following.systemMs !== this.#sampledMs) {
      this.#sampledMs = this.following.systemMs;
      void this.#sample();
    }
  }

  override stopReading(): void {
    this.#asking?.abort();
    if (!this.stopped) return;
    clearTimeout(this.#sampling);
    this.#life.abort();
  }

  /** Gets the host's figures. They are asked for by themselves, for a poll that is answered often would never wait for them. */
  async #sample(): Promise<void> {
    clearTimeout(this.#sampling);
    const everyMs = this.#sampledMs;
    if (everyMs === undefined || this.stopped) return;
    const status = await this.read("api/system");
    if (this.stopped || everyMs !== this.#sampledMs) return;
    if (status !== undefined) this.frame(status);
    this.#sampling = setTimeout(() => void this.#sample(), everyMs);
  }

  /** Asks until it is aborted. */
  async #ask(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#seated) this.#seated = await takeSeat(this.context.base, this.#life.signal);
      if (signal.aborted) return;
      const began = performance.now();
      const told = await this.#askOnce(signal);
      if (signal.aborted || told === undefined) return;
      if (!told && !this.#seated) {
        await pause(unseatedPauseMs, signal);
      } else if (told || performance.now() - began >= hastyMs) {
        this.#hasty = 0;
      } else {
        await pause(Math.min(maxPauseMs, 100 * 2 ** this.#hasty++), signal);
      }
    }
  }

  /** Asks once. Whether the answer said anything new; undefined when asking has ended. */
  async #askOnce(signal: AbortSignal): Promise<boolean | undefined> {
    const query = this.following.query((id) => this.context.cursor(id));
    if (this.following.executions === undefined) this.#executions = undefined;
    else if (this.#executions !== undefined) query.set("executions", this.#executions);
    if (this.#connectionId !== undefined) query.set("connection", this.#connectionId);
    query.set("wait", this.#seated ? `${waitMs}ms` : "0ms");

    const late = setTimeout(
      () => this.fail(closeFailure(closeCodes.heartbeat, "a poll was not answered")),
      waitMs + lateMs,
    );
    try {
      const answer = await this.get("api/poll", query, "application/x-ndjson", signal);
      if (answer === undefined) return undefined;
      let frame = "";
      await readText(answer, (text) => {
        frame += text;
      });
      if (signal.aborted) return undefined;
      this.#executions = answer.headers.get("ClaudeOps-Executions") ?? undefined;
      this.alive();
      return this.#take(frame);
    } catch (reason) {
      if (!signal.aborted) this.fail(failure(problem("network", messageOf(reason))));
      return undefined;
    } finally {
      clearTimeout(late);
    }
  }

  /** Passes an answer on. Whether it said anything but a greeting. */
  #take(frame: string): boolean {
    if (frame === "") return false;
    const [first] = frame.split("\n", 1);
    const [greeting] = parseFrame(first ?? "");
    let told = true;
    if (greeting?.type === "connection") {
      told = this.#connectionId === undefined || frame.trimEnd().length > (first ?? "").length;
      this.#connectionId = greeting.connectionId;
    }
    this.frame(frame);
    return told;
  }
}

/** Waits, unless aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}

export const openLongPoll: OpenTransport = (context, handlers) => {
  const transport = new LongPoll(context, handlers);
  transport.reread();
  return transport;
};
