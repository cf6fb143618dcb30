import type {
  FollowListener,
  LogEvent,
  LogGap,
  LogSource,
  SearchMatch,
  SearchOutcome,
  SearchQuery,
} from "../src/log/event.js";
import { plainText } from "../src/log/terminal.js";

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
    const text = query.regex ? query.text : query.text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    let matcher: RegExp;
    try {
      matcher = new RegExp(text, query.caseSensitive ? "g" : "gi");
    } catch (error) {
      throw Object.assign(new Error(String(error)), { code: "bad_request" });
    }
    const found: SearchMatch[] = [];
    const inside = (seq: number) =>
      query.backwards
        ? seq < (query.from ?? Number.POSITIVE_INFINITY) && seq >= (query.to ?? 0)
        : seq > (query.from ?? 0) && seq <= (query.to ?? Number.POSITIVE_INFINITY);
    for (const event of this.log) {
      if (event.type !== "execution:log" || !inside(event.seq)) continue;
      if (query.level !== undefined && event.level !== query.level) continue;
      if (query.stream !== undefined && event.stream !== query.stream) continue;
      const ranges = [...plainText(event.message ?? "").matchAll(matcher)].map(
        (match) => [match.index, match.index + match[0].length] as const,
      );
      if (ranges.length > 0) found.push({ seq: event.seq, ranges });
    }
    if (query.backwards) found.reverse();
    onMatches(found.slice(0, query.limit), found.length);
    return { total: found.length, complete: true };
  };
}
