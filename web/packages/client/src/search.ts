import type { Level, SearchMatch, Stream } from "./protocol.gen.js";

/** What to look for within one execution. */
export interface SearchQuery {
  readonly query: string;
  /** The query is a regular expression (RE2 syntax: linear time, no backreferences). */
  readonly regex?: boolean;
  readonly caseSensitive?: boolean;
  readonly level?: Level;
  readonly stream?: Stream;
  /** Where to begin, a seq. Default: the first event, or the last when `direction` is `"previous"`. */
  readonly from?: number;
  /** Where to end, a seq: that event is the last one that is looked at. Default: the other end of the log. */
  readonly to?: number;
  readonly direction?: "next" | "previous";
  /** Matches at most. Default 100. */
  readonly limit?: number;
}

/** Some matches, as they were found. */
export interface SearchPage {
  readonly matches: readonly SearchMatch[];
  /** Counted so far. */
  readonly total: number;
  /** Whether `total` is final. */
  readonly complete: boolean;
}
