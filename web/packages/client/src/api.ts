import { httpAddress } from "./address.js";
import { Authorization, fetchInit, type Grant } from "./authorization.js";
import { ClaudeOpsError, RequestError, TimeoutError } from "./errors.js";
import { isObject, parseFrame, parseMessage, parseShape } from "./frame.js";
import { parseJson, stringifyJson } from "./json.js";
import type { ConnectionOptions } from "./options.js";
import { refusalOf, webPage } from "./problems.js";
import type {
  ExecutionRecord,
  Level,
  LogsGapMessage,
  LogsMatchesMessage,
  Status,
  Stream,
  SystemStatusMessage,
} from "./protocol.gen.js";
import { refusal } from "./requests.js";
import type { components } from "./rest.gen.js";
import type { SearchQuery } from "./search.js";
import { settingsOf } from "./settings.js";
import { readText } from "./transports/http.js";
import { messageOf } from "./transports/transport.js";
import type { WatchedEvent } from "./watch.js";

/** The objects of REST, as the server's OpenAPI document has them. */
export type RestSchemas = components["schemas"];

/** What a REST call needs of a connection's options. */
export type ApiOptions = Pick<ConnectionOptions, "url" | "credential" | "fetch" | "requestTimeoutMs">;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the whole answer is there; for a search, between two parts of it. Default: `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** An agent as the server describes it. Secrets are masked. A server of another version may leave fields out. */
export type AgentDefinition = Partial<RestSchemas["Agent"]> & {
  readonly name: string;
  /** A JSON Schema of the config's object. */
  readonly parameters?: Readonly<Record<string, unknown>>;
};

/** Something wrong in a definition's file. */
export type AgentProblem = RestSchemas["DefinitionProblem"];

export interface AgentList {
  readonly agents: readonly AgentDefinition[];
  readonly problems: readonly AgentProblem[];
}

export interface ExecutionsQuery {
  readonly status?: Status | readonly Status[];
  readonly agentType?: string;
  /** Queued at or after: RFC 3339, or a Date. */
  readonly since?: string | Date;
  /** Queued before: RFC 3339, or a Date. */
  readonly until?: string | Date;
  /** Only those that retention leaves alone, or that it does not. */
  readonly pinned?: boolean;
  /** Only those with all of these tags. */
  readonly tag?: string | readonly string[];
  /** Free text; `#nightly` finds a tag. */
  readonly q?: string;
  readonly limit?: number;
  /** A page's `next`. */
  readonly cursor?: string;
  /** Whether `total` is wanted. */
  readonly count?: boolean;
}

export interface ExecutionsPage {
  /** Newest first. */
  readonly executions: readonly ExecutionRecord[];
  /** Where the next page begins; empty on the last. */
  readonly next: string;
  readonly total?: number;
}

/** What to look for in the lines of many executions. */
export interface AcrossQuery extends Omit<SearchQuery, "from" | "direction" | "level" | "stream"> {
  readonly level?: Level | readonly Level[];
  readonly stream?: Stream | readonly Stream[];
  readonly agentType?: string;
  readonly status?: Status | readonly Status[];
  /** Only lines of then or later: RFC 3339, or a Date. */
  readonly since?: string | Date;
  /** Only lines from before: RFC 3339, or a Date. */
  readonly until?: string | Date;
}

/** A part of an execution's journal. */
export interface EventRange {
  /** The last seq not wanted; 0 begins at the first event. */
  readonly since?: number;
  /** Instead of `since`: the last so many events. */
  readonly tail?: number;
  /** Events at most. */
  readonly limit?: number;
}

export interface EventPage {
  readonly events: readonly WatchedEvent[];
  /** What of the range can't be given any more. */
  readonly gaps: readonly LogsGapMessage[];
}

/** The REST side: what is asked for once. Throws a RequestError when the server refuses. */
export interface Api {
  readonly agents: {
    list(options?: CallOptions): Promise<AgentList>;
    get(name: string, options?: CallOptions): Promise<AgentDefinition>;
  };
  readonly executions: {
    list(query?: ExecutionsQuery, options?: CallOptions): Promise<ExecutionsPage>;
    get(executionId: string, options?: CallOptions): Promise<ExecutionRecord>;
    /** Has retention leave it alone. */
    pin(executionId: string, options?: CallOptions): Promise<ExecutionRecord>;
    /** Leaves it to retention again. */
    unpin(executionId: string, options?: CallOptions): Promise<ExecutionRecord>;
    /** Events by seq, e.g. a page of a log viewer. */
    events(executionId: string, range?: EventRange, options?: CallOptions): Promise<EventPage>;
    /**
     * The address of the agent's own bytes (text/plain). A link to it works where {@link Api.linkable}
     * says so; elsewhere use {@link log}.
     */
    logUrl(executionId: string): string;
    /** The agent's own bytes, asked for with the credential: an answer whose body can be read as it comes. */
    log(executionId: string, options?: Pick<CallOptions, "signal">): Promise<Response>;
    /** Searches across executions, newest first. */
    search(query: AcrossQuery, options?: CallOptions): AsyncIterable<LogsMatchesMessage>;
  };
  readonly system: {
    get(options?: CallOptions): Promise<SystemStatusMessage>;
  };
  /** Whether a browser that follows a link to this server is let in: a cookie of the page's own origin. */
  readonly linkable: boolean;
  /** Any other path of the server, relative to its base, with the credential; gives the parsed JSON. */
  get(path: string, options?: CallOptions): Promise<unknown>;
  /** As `get`, for what changes something; the body is sent as JSON. */
  post(path: string, body?: unknown, options?: CallOptions): Promise<unknown>;
  /** As `post`, for what takes the place of something. */
  put(path: string, body: unknown, options?: CallOptions): Promise<unknown>;
}

type Query = Readonly<Record<string, string | number | boolean | Date | readonly string[] | undefined>>;

export function createApi(options: ApiOptions = {}): Api {
  const rest = new Rest(options);
  const path = (executionId: string, rest = "") => `api/executions/${encodeURIComponent(executionId)}${rest}`;
  return {
    agents: {
      async list(call) {
        const body = await rest.json("api/agents", {}, call);
        const { agents, problems } = isObject(body) ? body : {};
        return { agents: objects<AgentDefinition>(agents), problems: objects<AgentProblem>(problems) };
      },
      async get(name, call) {
        const body = await rest.json(`api/agents/${encodeURIComponent(name)}`, {}, call);
        const [agent] = objects<AgentDefinition>([body]);
        return agent ?? unexpected("an agent");
      },
    },
    executions: {
      async list(query = {}, call) {
        const { pinned, ...others } = query;
        const body = await rest.json(
          "api/executions",
          { ...others, ...(pinned === undefined ? {} : { pinned: String(pinned) }) },
          call,
        );
        const { executions, next, total } = isObject(body) ? body : {};
        if (!Array.isArray(executions)) return unexpected("executions");
        return {
          executions: executions.map(recordOf),
          next: typeof next === "string" ? next : "",
          ...(typeof total === "number" ? { total } : {}),
        };
      },
      async get(executionId, call) {
        return recordOf(await rest.json(path(executionId), {}, call));
      },
      async pin(executionId, call) {
        return recordOf(await rest.json(path(executionId, "/pin"), {}, call, { method: "PUT" }));
      },
      async unpin(executionId, call) {
        return recordOf(await rest.json(path(executionId, "/pin"), {}, call, { method: "DELETE" }));
      },
      async events(executionId, range = {}, call) {
        const text = await rest.text(path(executionId, "/events"), { ...range }, call);
        const events: WatchedEvent[] = [];
        const gaps: LogsGapMessage[] = [];
        for (const message of parseFrame(text)) {
          if (message.type === "logs:gap") gaps.push(message);
          else if ("seq" in message) events.push(message);
        }
        return { events, gaps };
      },
      logUrl: (executionId) => rest.address(path(executionId, "/log")),
      log: (executionId, call) => rest.response(path(executionId, "/log"), call?.signal),
      async *search(query, call) {
        for await (const line of rest.lines("api/search", { ...query }, call)) {
          const message = parseMessage(line);
          if (typeof message !== "object") continue;
          if (message.type === "logs:matches") yield message;
          else if (message.type === "error") throw refusal(message);
        }
      },
    },
    system: {
      async get(call) {
        const body = await rest.json("api/system", {}, call);
        const status = parseShape(body, "system:status");
        return status === undefined
          ? unexpected("the system's status")
          : ({ ...status, type: "system:status" } as SystemStatusMessage);
      },
    },
    linkable: rest.linkable,
    get: (path, call) => rest.json(path, {}, call),
    post: (path, body, call) => rest.json(path, {}, call, { method: "POST", body: body ?? {} }),
    put: (path, body, call) => rest.json(path, {}, call, { method: "PUT", body }),
  };
}

/** What makes a request more than a question. */
interface Change {
  readonly method: "POST" | "PUT" | "DELETE";
  readonly body?: unknown;
}

/** Nothing ends what REST calls share. */
const NEVER = new AbortController().signal;

class Rest {
  readonly #base: URL;
  readonly #fetch: typeof globalThis.fetch;
  readonly #timeoutMs: number;
  readonly #authorization: Authorization;

  constructor(options: ApiOptions) {
    const { base, fetch, requestTimeoutMs } = settingsOf(options);
    this.#base = base;
    this.#fetch = fetch;
    this.#timeoutMs = requestTimeoutMs;
    this.#authorization = new Authorization(options.credential, () => NEVER);
  }

  address(path: string, query: Query = {}): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined || value === "" || value === false) continue;
      if (value instanceof Date) search.set(name, value.toISOString());
      else search.set(name, Array.isArray(value) ? value.join(",") : String(value));
    }
    return httpAddress(this.#base, path.replace(/^\/+/, ""), search);
  }

  get linkable(): boolean {
    return (
      this.#authorization.credential.kind === "cookie" &&
      typeof location !== "undefined" &&
      location.origin === this.#base.origin
    );
  }

  /** Asks for something that may be long: only the wait for its begin is bounded. */
  async response(path: string, signal: AbortSignal | undefined): Promise<Response> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const timer = setTimeout(
      () => stop.abort(new TimeoutError(`${path} was not answered within ${this.#timeoutMs} ms`)),
      this.#timeoutMs,
    );
    try {
      return await this.#ask(this.address(path), undefined, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) throw stop.signal.reason;
      if (error instanceof ClaudeOpsError) throw error;
      throw new RequestError("unavailable", `${path}: ${messageOf(error)}`, { retryable: true });
    } finally {
      clearTimeout(timer);
    }
  }

  async json(path: string, query: Query, call?: CallOptions, change?: Change): Promise<unknown> {
    const text = await this.text(path, query, call, change);
    if (text === "") return undefined;
    try {
      return parseJson(text);
    } catch {
      return unexpected("JSON");
    }
  }

  async text(path: string, query: Query, call?: CallOptions, change?: Change): Promise<string> {
    let text = "";
    await this.#read(path, query, call, change, (piece) => {
      text += piece;
    });
    return text;
  }

  /** Gives an answer's lines as they come. */
  async *lines(path: string, query: Query, call?: CallOptions): AsyncGenerator<string, void, void> {
    const found: string[] = [];
    let rest = "";
    let ended = false;
    let failed: { error: unknown } | undefined;
    let wake = () => {};
    const abandoned = new AbortController();
    const abort = () => abandoned.abort(call?.signal?.reason);
    call?.signal?.throwIfAborted();
    call?.signal?.addEventListener("abort", abort);
    this.#read(path, query, { ...call, signal: abandoned.signal }, undefined, (piece) => {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      found.push(...lines);
      wake();
    })
      .catch((error: unknown) => {
        failed = { error };
      })
      .finally(() => {
        if (rest !== "") found.push(rest);
        ended = true;
        wake();
      });
    try {
      for (;;) {
        const line = found.shift();
        if (line !== undefined) {
          if (line !== "") yield line;
        } else if (ended) {
          if (failed !== undefined) throw failed.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      call?.signal?.removeEventListener("abort", abort);
      abandoned.abort();
    }
  }

  /** Asks, and reads the answer as it comes. */
  async #read(
    path: string,
    query: Query,
    call: CallOptions = {},
    change: Change | undefined,
    read: (piece: string) => void,
  ): Promise<void> {
    const { signal, timeoutMs = this.#timeoutMs } = call;
    signal?.throwIfAborted();
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const late = () => stop.abort(new TimeoutError(`${path} was not answered within ${timeoutMs} ms`));
    let timer = setTimeout(late, timeoutMs);
    try {
      const answer = await this.#ask(this.address(path, query), change, stop.signal);
      await readText(answer, (piece) => {
        clearTimeout(timer);
        timer = setTimeout(late, timeoutMs);
        read(piece);
      });
    } catch (error) {
      if (stop.signal.aborted) throw stop.signal.reason;
      if (error instanceof ClaudeOpsError) throw error;
      throw new RequestError("unavailable", `${path}: ${messageOf(error)}`, { retryable: true });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  async #ask(address: string, change: Change | undefined, signal: AbortSignal): Promise<Response> {
    let refused: Grant | undefined;
    for (;;) {
      const grant = await this.#authorization.grant();
      const init = fetchInit(grant);
      const answer = await this.#fetch(address, {
        ...init,
        ...(change === undefined ? {} : { method: change.method }),
        ...(change?.body === undefined
          ? {}
          : {
              body: stringifyJson(change.body),
              headers: { ...init.headers, "Content-Type": "application/json" },
            }),
        cache: "no-store",
        signal,
      });
      if (answer.ok) {
        const page = webPage(answer, address);
        if (page !== undefined) throw new ClaudeOpsError(page, false);
        return answer;
      }
      const refusal = await refusalOf(answer, address);
      // Once, and only if there is a credential the server has not seen yet.
      if (answer.status !== 401 || refused !== undefined || !this.#authorization.refused(grant))
        throw refusal;
      refused = grant;
    }
  }
}

function recordOf(value: unknown): ExecutionRecord {
  const record = parseShape(value, "ExecutionRecord");
  return record === undefined ? unexpected("an execution") : (record as unknown as ExecutionRecord);
}

/** The objects of a list; whatever else it holds is left out. */
function objects<T>(list: unknown): T[] {
  return Array.isArray(list) ? (list.filter(isObject) as T[]) : [];
}

function unexpected(what: string): never {
  throw new ClaudeOpsError(
    `the server did not answer with ${what}; is it a ClaudeOps server, and of this version?`,
    false,
  );
}
