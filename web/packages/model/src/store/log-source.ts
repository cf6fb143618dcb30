import { type Api, type Connection, RequestError } from "@claudeops/client";
import {
  type FollowListener,
  type LogEvent,
  type LogGap,
  type LogSource,
  SearchUnsupported,
} from "../log/event.js";
import { keepWatching } from "./rewatch.js";

/** The log of an execution, read over REST and followed over the connection. */
export function logSource(connection: () => Connection, api: () => Api, executionId: string): LogSource {
  return {
    async read(since, limit, signal) {
      const page = await api().executions.events(executionId, { since, limit }, { signal });
      const gaps: readonly LogGap[] = page.gaps;
      const items: (LogEvent | LogGap)[] = [...(page.events as readonly LogEvent[]), ...gaps];
      return gaps.length === 0 ? items : items.sort((a, b) => place(a) - place(b));
    },

    follow(tail: number, listener: FollowListener) {
      let cursor = -1;
      const { state } = connection();
      let open = state.status === "open";
      const leave = connection().subscribe(() => {
        const now = connection().state.status === "open";
        if (open && !now) listener.interrupted?.();
        open = now;
      });
      const stop = keepWatching(
        connection(),
        (onError) =>
          connection().watchExecution(executionId, cursor < 0 ? { tail } : { since: cursor }, {
            onSubscribed: ({ from, head }) => {
              if (cursor < 0) cursor = from - 1;
              listener.subscribed(from, head);
            },
            onEvents: (events) => {
              cursor = events.at(-1)?.seq ?? cursor;
              listener.events(events as readonly LogEvent[]);
            },
            onGap: (gap) => {
              cursor = gap.to;
              listener.gap(gap);
            },
            onEnd: () => listener.ended(),
            onError,
          }),
        (error) => listener.failed(error),
      );
      return () => {
        leave();
        stop();
      };
    },

    async search(query, onMatches, signal) {
      let total = 0;
      let complete = false;
      try {
        const pages = connection().search(
          executionId,
          {
            query: query.text,
            regex: query.regex,
            caseSensitive: query.caseSensitive,
            limit: query.limit,
            ...(query.level ? { level: query.level } : {}),
            ...(query.stream ? { stream: query.stream } : {}),
            ...(query.from ? { from: query.from } : {}),
            ...(query.to ? { to: query.to } : {}),
            ...(query.backwards ? { direction: "previous" as const } : {}),
          },
          { signal, timeoutMs: 120_000 },
        );
        for await (const page of pages) {
          total = page.total;
          complete = page.complete;
          onMatches(page.matches, page.total);
        }
      } catch (error) {
        if (
          error instanceof RequestError &&
          (error.code === "unknown_type" || error.code === "unavailable" || error.httpStatus === 404)
        ) {
          throw new SearchUnsupported();
        }
        throw error;
      }
      return { total, complete };
    },
  };
}

function place(item: LogEvent | LogGap): number {
  return "seq" in item ? item.seq : item.from;
}
