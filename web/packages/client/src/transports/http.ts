import { httpAddress } from "../address.js";
import { fetchInit, type Grant } from "../authorization.js";
import { type Incoming, parseFrame } from "../frame.js";
import { stringifyJson } from "../json.js";
import type { TransportName } from "../options.js";
import { type Failure, failure, httpFailure, isOwn, problem, refusalOf, webPage } from "../problems.js";
import type { ConnectionMessage, ErrorMessage, LogsSubscribeMessage } from "../protocol.gen.js";
import type { Outgoing } from "../queue.js";
import { Following } from "./following.js";
import {
  checkCredential,
  grantFailure,
  messageOf,
  type Transport,
  type TransportContext,
  type TransportHandlers,
} from "./transport.js";

/** Requests under way at once. A browser has six connections to a server, and one of them reads. */
const maxPosts = 3;

/** How long changes of what is followed are gathered before the address is changed. */
const gatherMs = 20;

/**
 * What the two transports have in common that only read: messages are posted, and what is followed is
 * said in the address that is read. The reading itself is theirs.
 */
export abstract class HttpTransport implements Transport {
  abstract readonly name: TransportName;
  protected readonly context: TransportContext;
  protected readonly following = new Following();
  protected grant: Grant | undefined;
  readonly #handlers: TransportHandlers;
  readonly #posting = new AbortController();
  #permissions: readonly string[] = [];
  #maxLogs = Number.POSITIVE_INFINITY;
  #posts = 0;
  #done = false;
  #retired = false;
  #gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(context: TransportContext, handlers: TransportHandlers) {
    this.context = context;
    this.#handlers = handlers;
  }

  /** Reads anew what is followed now. */
  protected abstract reread(): void;
  /** Ends reading. */
  protected abstract stopReading(): void;

  greeted(greeting: ConnectionMessage): void {
    this.#permissions = greeting.user.permissions;
    this.#maxLogs = greeting.limits.maxSubscriptions || Number.POSITIVE_INFINITY;
  }

  get writable(): boolean {
    return this.#posts < maxPosts;
  }

  protected get done(): boolean {
    return this.#done;
  }

  /** Whether it reads no more: it is closed, or another has taken over. */
  protected get stopped(): boolean {
    return this.#done || this.#retired;
  }

  send(items: readonly Outgoing[]): void {
    const posted: Outgoing[] = [];
    const asked: LogsSubscribeMessage[] = [];
    let changed = false;
    for (const item of items) {
      const { message } = item;
      if (message.type === "logs:subscribe") {
        asked.push(message);
      } else if (!this.#may(message.type)) {
        // The server would refuse the whole address, and everything else in it.
        const { type, id } = message;
        const missing = `${type} needs a permission this credential does not have`;
        this.answer({
          type: "error",
          code: "forbidden",
          message: missing,
          retryable: false,
          ...(id === undefined ? {} : { id }),
        });
      } else if (this.following.take(message)) {
        changed = true;
        if (message.id !== undefined) this.answer({ type: "ack", id: message.id });
      } else {
        posted.push(item);
      }
    }
    if (changed) this.changed();
    if (posted.length > 0) void this.#post(posted);
    if (asked.length > 0) void this.#follow(asked);
  }

  #may(type: string): boolean {
    const needed =
      type === "executions:subscribe"
        ? "executions:read"
        : type === "system:subscribe"
          ? "system:read"
          : undefined;
    return needed === undefined || this.#permissions.includes(needed) || this.#permissions.includes("admin");
  }

  retire(): void {
    this.#retired = true;
    clearTimeout(this.#gathering);
    this.stopReading();
    if (this.#posts === 0) this.close();
  }

  close(): void {
    this.#done = true;
    clearTimeout(this.#gathering);
    this.stopReading();
    this.#posting.abort();
  }

  /** Passes on what came. */
  protected frame(text: string): void {
    if (!this.#done) this.#handlers.frame(text);
  }

  protected alive(): void {
    if (!this.#done) this.#handlers.alive();
  }

  /** Passes on what the server would have said over a transport that carries both ways. */
  protected answer(message: Incoming): void {
    this.frame(stringifyJson(message));
  }

  /** Ends the transport. */
  protected fail(why: Failure): void {
    if (this.#done) return;
    this.close();
    if (!this.#retired) this.#handlers.closed(checkCredential(why, this.context.authorization, this.grant));
  }

  /** Has the address changed, once for all changes of a moment. */
  protected changed(): void {
    if (this.#gathering !== undefined || this.#done || this.#retired) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.reread();
    }, gatherMs);
  }

  /** Asks a server that reads what is followed; undefined when the transport has failed over it. */
  protected async get(
    path: string,
    query: URLSearchParams,
    accept: string,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    const address = httpAddress(this.context.base, path, query);
    let answer: Response;
    try {
      this.grant = await this.context.authorization.grant();
    } catch (reason) {
      this.fail(grantFailure(reason));
      return undefined;
    }
    try {
      const { headers, credentials } = fetchInit(this.grant);
      answer = await this.context.fetch(address, {
        headers: { ...headers, Accept: accept },
        credentials,
        cache: "no-store",
        signal,
      });
    } catch (reason) {
      if (!signal.aborted) this.fail(failure(problem("network", messageOf(reason)), { unreachable: true }));
      return undefined;
    }
    if (answer.ok) {
      const page = webPage(answer, address);
      if (page === undefined) return answer;
      // Something in between may stop answering so by itself: a sign-in to the network, a restart.
      this.fail(failure(problem("protocol", page)));
      return undefined;
    }
    const refusal = await refusalOf(answer, address);
    if (signal.aborted) return undefined;
    if (query.has("execution") && (answer.status === 404 || answer.status === 400)) {
      // One of those named can't be had, and the server refuses them all: find out which.
      if (await this.#sortOut()) return undefined;
    }
    this.fail(httpFailure(answer.status, refusal, isOwn(answer)));
    return undefined;
  }

  /** Reads something small beside; undefined when it can't be had now. */
  protected async read(path: string): Promise<string | undefined> {
    try {
      const { headers, credentials } = fetchInit(await this.context.authorization.grant());
      const address = httpAddress(this.context.base, path);
      const answer = await this.context.fetch(address, {
        headers,
        credentials,
        cache: "no-store",
        signal: this.#posting.signal,
      });
      return answer.ok ? await answer.text() : undefined;
    } catch {
      return undefined; // the polls meet the same trouble, and tell of it
    }
  }

  /** Lets go of executions that can't be followed any more. Whether that changes anything. */
  async #sortOut(): Promise<boolean> {
    const ids = [...this.following.logs];
    const answers = await this.#records(ids);
    if (answers === undefined) return true; // the transport has failed, and said so
    let changed = false;
    ids.forEach((executionId, i) => {
      if (!this.following.logs.has(executionId)) {
        changed = true; // let go of while the records were asked for
        return;
      }
      const answer = answers[i];
      const since = this.context.cursor(executionId) ?? 0;
      if (answer?.type === "execution:status" && since <= answer.head) return;
      this.following.logs.delete(executionId);
      changed = true;
      const said = answer?.type === "error" ? answer : aheadOf(executionId, since, answer?.head ?? 0);
      const { id: _, ...error } = said;
      this.answer({ ...error, details: { executionId } });
    });
    if (changed) this.changed();
    return changed;
  }

  /** Takes up executions: what `logs:subscribe` does over a transport that carries both ways. */
  async #follow(asked: readonly LogsSubscribeMessage[]): Promise<void> {
    const answers = await this.#records(asked.map(({ executionId }) => executionId));
    if (answers === undefined) return;
    asked.forEach((message, i) => {
      const { executionId, id } = message;
      const named = id === undefined ? {} : { id };
      const answer = answers[i];
      if (answer?.type !== "execution:status") {
        const missing = { type: "error", code: "internal", message: "no answer", retryable: true } as const;
        this.answer({ ...(answer ?? missing), ...named });
        return;
      }
      const { head } = answer;
      const since = message.tail === undefined ? (message.since ?? 0) : Math.max(0, head - message.tail);
      if (since > head) {
        this.answer({ ...aheadOf(executionId, since, head), ...named });
        return;
      }
      if (this.following.logs.size >= this.#maxLogs && !this.following.logs.has(executionId)) {
        const full = `a connection may watch ${this.#maxLogs} executions at once; close another watch first`;
        this.answer({ type: "error", code: "limit_reached", message: full, retryable: true, ...named });
        return;
      }
      this.following.logs.add(executionId);
      this.answer({ type: "logs:subscribed", executionId, from: since + 1, head, ...named });
    });
    this.changed();
  }

  /** Asks for the records of executions, or what is wrong with each. */
  async #records(
    ids: readonly string[],
  ): Promise<(Incoming & { type: "execution:status" | "error" })[] | undefined> {
    const lines = ids.map((executionId, i) =>
      JSON.stringify({ type: "agent:status", id: String(i), executionId }),
    );
    const texts: string[] = [];
    if (!(await this.#exchange(lines, (text) => texts.push(text)))) return undefined;
    const found: (Incoming & { type: "execution:status" | "error" })[] = [];
    for (const message of parseFrame(texts.join(""))) {
      if (message.type === "execution:status" || message.type === "error")
        found[Number(message.id)] = message;
    }
    return found;
  }

  async #post(items: readonly Outgoing[]): Promise<void> {
    let rest = "";
    const answered = await this.#exchange(
      items.map(({ line }) => line),
      (text) => {
        rest += text;
        const end = rest.lastIndexOf("\n") + 1;
        if (end > 0) this.frame(rest.slice(0, end));
        rest = rest.slice(end);
      },
      (refusal) => {
        for (const { message } of items) {
          if (message.id !== undefined) this.answer({ ...refusal, id: message.id });
        }
      },
    );
    if (answered && rest !== "") this.frame(rest);
  }

  /** Posts lines and reads the answer. False when the transport has failed over it. */
  async #exchange(
    lines: readonly string[],
    read: (text: string) => void,
    refused?: (error: ErrorMessage) => void,
  ): Promise<boolean> {
    this.#posts++;
    try {
      const grant = await this.context.authorization.grant();
      const { headers, credentials } = fetchInit(grant);
      const answer = await this.context.fetch(httpAddress(this.context.base, "api/messages"), {
        method: "POST",
        headers: { ...headers, "Content-Type": "application/x-ndjson" },
        credentials,
        body: `${lines.join("\n")}\n`,
        signal: this.#posting.signal,
      });
      if (!answer.ok) {
        const refusal = await refusalOf(answer);
        const why = httpFailure(answer.status, refusal, isOwn(answer));
        if (refused === undefined || answer.status === 401) {
          this.fail(why);
          return false;
        }
        const { code, message, retryable, retryAfterMs } = refusal;
        refused({
          type: "error",
          code: code as ErrorMessage["code"],
          message,
          retryable,
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        });
        return true;
      }
      await readText(answer, read);
      this.alive();
      return true;
    } catch (reason) {
      this.fail(failure(problem("network", messageOf(reason))));
      return false;
    } finally {
      this.#posts--;
      if (this.#retired && this.#posts === 0) this.close();
    }
  }
}

function aheadOf(executionId: string, since: number, head: number): ErrorMessage {
  return {
    type: "error",
    code: "bad_request",
    message: `since is ${since}, but the last event of ${executionId} is ${head}; subscribe with a seq you have seen`,
    retryable: false,
    details: { head },
  };
}

/** Reads a body as it comes. */
export async function readText(answer: Response, read: (text: string) => void): Promise<void> {
  if (answer.body === null) return;
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    const text = decoder.decode(value, { stream: !done });
    if (text !== "") read(text);
    if (done) return;
  }
}
