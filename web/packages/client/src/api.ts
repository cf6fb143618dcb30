import type { ConnectionOptions } from "./options.js";
import type {
  ExecutionRecord,
  LogsGapMessage,
  LogsMatchesMessage,
  Status,
  SystemStatusMessage,
} from "./protocol.gen.js";
import type { SearchQuery } from "./search.js";
import type { WatchedEvent } from "./watch.js";

/** What a REST call needs of a connection's options. */
export type ApiOptions = Pick<ConnectionOptions, "url" | "credential" | "fetch" | "requestTimeoutMs">;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the answer begins. Default: `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** An agent as the server describes it. */
export interface AgentDefinition {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** A JSON Schema of the config's object. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** Something wrong in a definition's file. */
export interface AgentProblem {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly field?: string;
  readonly message: string;
}

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
  /** Free text. */
  readonly q?: string;
  readonly limit?: number;
  /** A page's `next`. */
  readonly cursor?: string;
}

export interface ExecutionsPage {
  readonly executions: readonly ExecutionRecord[];
  /** Where the next page begins; empty on the last. */
  readonly next: string;
  readonly total?: number;
}

/** A part of an execution's journal. */
export interface EventRange {
  /** The last seq not wanted; 0 begins at the first event. */
  readonly since?: number;
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
    /** Events by seq, e.g. a page of a log viewer. */
    events(executionId: string, range?: EventRange, options?: CallOptions): Promise<EventPage>;
    /** The address of the agent's own bytes (text/plain), for a download link. */
    logUrl(executionId: string): string;
    /** Searches across executions, newest first. */
    search(
      query: SearchQuery & { agentType?: string; status?: Status; since?: string | Date },
      options?: CallOptions,
    ): AsyncIterable<LogsMatchesMessage>;
  };
  readonly system: {
    get(options?: CallOptions): Promise<SystemStatusMessage>;
  };
  /** Any other path of the server, relative to its base, with the credential; gives the parsed JSON. */
  get(path: string, options?: CallOptions): Promise<unknown>;
}

export declare function createApi(options?: ApiOptions): Api;
