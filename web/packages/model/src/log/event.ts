/** What the log's parts need of an execution event: any event of the protocol fits. */
export interface LogEvent {
  readonly type: string;
  readonly seq: number;
  readonly timestamp: string;
  readonly level?: Level;
  readonly stream?: Stream;
  readonly message?: string;
  readonly partial?: boolean;
  /** The bytes of a line that is not UTF-8, in base64. */
  readonly raw?: string;
  readonly data?: unknown;
}

export type Level = "debug" | "info" | "warn" | "error";
export type Stream = "stdout" | "stderr" | "agent";

/** Events that can't be given: damaged on disk, or removed by retention. */
export interface LogGap {
  readonly type: "logs:gap";
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Where a log's events come from. Everything that reads a log stands on these few verbs. */
export interface LogSource {
  /** Events after `since`, in order, `limit` at most; gaps where they fall. */
  read(since: number, limit: number, signal: AbortSignal): Promise<readonly (LogEvent | LogGap)[]>;
  /**
   * Follows from the last `tail` events on. Every event after the first one heard comes once and in
   * order, across lost connections. The returned function ends it.
   */
  follow(tail: number, listener: FollowListener): () => void;
  /** Searches the whole log. Missing where the server can't. */
  search?(
    query: SearchQuery,
    onMatches: (matches: readonly SearchMatch[], total: number) => void,
    signal: AbortSignal,
  ): Promise<SearchOutcome>;
}

export interface FollowListener {
  /** The first event that follows, and the last one stored now. */
  subscribed(from: number, head: number): void;
  /** The way to the source is lost; `subscribed` says that it is there again. */
  interrupted?(): void;
  events(events: readonly LogEvent[]): void;
  gap(gap: LogGap): void;
  /** The last event was given; nothing more will come. */
  ended(): void;
  failed(error: Error): void;
}

export interface SearchQuery {
  readonly text: string;
  readonly regex: boolean;
  readonly caseSensitive: boolean;
  readonly limit: number;
  readonly level?: Level;
  readonly stream?: Stream;
  /** Only events after this seq. */
  readonly from?: number;
  /** Only events up to this seq. */
  readonly to?: number;
  /** The last lines first; then `from` is what comes after. */
  readonly backwards?: boolean;
}

export interface SearchMatch {
  readonly seq: number;
  /** [start, end) in UTF-16 units of the line's text, as it is shown. */
  readonly ranges: readonly (readonly [number, number])[];
}

export interface SearchOutcome {
  readonly total: number;
  readonly complete: boolean;
}

/** The server has no search; the caller may look through the log itself. */
export class SearchUnsupported extends Error {
  override readonly name = "SearchUnsupported";
}
