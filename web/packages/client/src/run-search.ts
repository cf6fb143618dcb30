import type { SearchMatch } from "./protocol.gen.js";
import type { SearchPage, SearchQuery } from "./search.js";
import type { FullRequestOptions, Session } from "./session.js";

/**
 * Runs a search over the session. When the connection is lost on the way the search is sent again,
 * and what was given already is left out.
 */
export async function* runSearch(
  session: Session,
  executionId: string,
  query: SearchQuery,
  options: FullRequestOptions,
): AsyncGenerator<SearchPage, void, void> {
  const found: SearchPage[] = [];
  let ended = false;
  let error: unknown;
  let wake = () => {};
  const abandoned = new AbortController();
  const abort = () => abandoned.abort(options.signal?.reason);
  let last: number | undefined;
  const isNew = ({ seq }: SearchMatch) =>
    last === undefined || (query.direction === "previous" ? seq < last : seq > last);

  options.signal?.throwIfAborted();
  options.signal?.addEventListener("abort", abort);
  session.start({
    ...options,
    signal: abandoned.signal,
    message: { type: "logs:search", executionId, ...query },
    whenLost: "again",
    answered(answer) {
      if (answer.type === "logs:matches") {
        const { total, complete } = answer;
        const matches = answer.matches.filter(isNew);
        found.push({ matches, total, complete });
        last = matches.at(-1)?.seq ?? last;
      } else if (answer.type === "ack") {
        if (answer.total !== undefined) {
          found.push({ matches: [], total: answer.total, complete: answer.complete ?? true });
        }
        ended = true;
      }
      wake();
      return ended;
    },
    failed(reason) {
      error = reason;
      ended = true;
      wake();
    },
  });
  try {
    for (;;) {
      const page = found.shift();
      if (page !== undefined) {
        yield page;
      } else if (ended) {
        if (error !== undefined) throw error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    options.signal?.removeEventListener("abort", abort);
    abandoned.abort();
  }
}
