import { parseFrame } from "../frame.js";
import type { TransportName } from "../options.js";
import { closeFailure, failure, problem } from "../problems.js";
import { closeCodes } from "../protocol.gen.js";
import { HttpTransport, readText } from "./http.js";
import { messageOf, type OpenTransport } from "./transport.js";

/** How long the server may wait with an empty answer, and how much longer that may take on its way. */
const waitMs = 25_000;
const lateMs = 10_000;

/** An answer sooner than this that says nothing is not waited for properly: something makes it hasty. */
const hastyMs = 200;
const maxPauseMs = 10_000;

/** The way that goes through anything: asking again and again, each time from the cursors. */
class LongPoll extends HttpTransport {
  readonly name: TransportName = "poll";
  #asking: AbortController | undefined;
  #connectionId: string | undefined;
  #executions: string | undefined;
  #systemAt = 0;
  #hasty = 0;

  greeted(): void {}

  override reread(): void {
    if (this.done) return;
    this.stopReading();
    const asking = new AbortController();
    this.#asking = asking;
    void this.#ask(asking.signal);
  }

  override stopReading(): void {
    this.#asking?.abort();
  }

  /** Asks until it is aborted. */
  async #ask(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      const told = await this.#askOnce(signal);
      if (signal.aborted || told === undefined) return;
      if (told || performance.now() - began >= hastyMs) {
        this.#hasty = 0;
      } else {
        await pause(Math.min(maxPauseMs, 100 * 2 ** this.#hasty++), signal);
      }
    }
  }

  /** Asks once. Whether the answer said anything new; undefined when asking has ended. */
  async #askOnce(signal: AbortSignal): Promise<boolean | undefined> {
    const query = this.following.query((id) => this.context.cursor(id));
    let wait = waitMs;
    const { systemMs } = this.following;
    if (this.following.executions === undefined) this.#executions = undefined;
    else if (this.#executions !== undefined) query.set("executions", this.#executions);
    if (this.#connectionId !== undefined) {
      query.set("connection", this.#connectionId);
      if (systemMs !== undefined) {
        const due = this.#systemAt - Date.now();
        if (due <= 0) query.set("system", String(systemMs));
        else wait = Math.min(wait, due);
      }
    }
    query.set("wait", `${Math.ceil(wait)}ms`);

    const late = setTimeout(
      () => this.fail(closeFailure(closeCodes.heartbeat, "a poll was not answered")),
      wait + lateMs,
    );
    try {
      const answer = await this.get("api/poll", query, "application/x-ndjson", signal);
      if (answer === undefined) return undefined;
      let frame = "";
      await readText(answer, (text) => {
        frame += text;
      });
      if (signal.aborted) return undefined;
      if (query.has("system")) this.#systemAt = Date.now() + (systemMs ?? 0);
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
