import type {
  FollowListener,
  LogEvent,
  LogGap,
  LogSource,
  SearchMatch,
  SearchOutcome,
  SearchQuery,
} from "../src/log/event.js";

/** A server with one log in memory. */
export class FakeSource implements LogSource {
  readonly log: LogEvent[] = [];
  readonly reads: [number, number][] = [];
  listener: FollowListener | null = null;
  search?: NonNullable<LogSource["search"]>;
  closed = 0;
  failNext: Error | null = null;

  /** Adds events; `more` may change each. */
  append(count: number, more: (seq: number) => Partial<LogEvent> = () => ({})): LogEvent[] {
    const added: LogEvent[] = [];
    for (let i = 0; i < count; i++) {
      const seq = this.log.length + 1;
      const event: LogEvent = {
        type: "execution:log",
        seq,
        timestamp: "2026-11-22T14:02:11.201Z",
        level: "info",
        stream: "stdout",
        message: `line ${seq}`,
        ...more(seq),
      };
      this.log.push(event);
      added.push(event);
    }
    return added;
  }

  async read(since: number, limit: number): Promise<readonly (LogEvent | LogGap)[]> {
    this.reads.push([since, limit]);
    if (this.failNext) {
      const error = this.failNext;
      this.failNext = null;
      throw error;
    }
    return this.log.slice(since, since + limit);
  }

  follow(tail: number, listener: FollowListener): () => void {
    this.listener = listener;
    const from = Math.max(1, this.log.length - tail + 1);
    listener.subscribed(from, this.log.length);
    if (this.log.length >= from) listener.events(this.log.slice(from - 1));
    return () => {
      this.closed++;
      this.listener = null;
    };
  }

  readonly searches: SearchQuery[] = [];

  /** What a server that can search has beside the rest. */
  readonly searching = async (
    query: SearchQuery,
    onMatches: (matches: readonly SearchMatch[], total: number) => void,
  ): Promise<SearchOutcome> => {
    this.searches.push(query);
    const matcher = query.regex ? new RegExp(query.text) : null;
    const found = this.log.filter(
      (event) =>
        event.type === "execution:log" &&
        (matcher ? matcher.test(event.message ?? "") : (event.message ?? "").includes(query.text)) &&
        (query.level === undefined || event.level === query.level) &&
        (query.stream === undefined || event.stream === query.stream),
    );
    const wanted = found.filter((event) => event.seq > (query.from ?? 0)).slice(0, query.limit);
    onMatches(
      wanted.map(({ seq }) => ({ seq, ranges: [] })),
      found.length,
    );
    return { total: found.length, complete: true };
  };
}
