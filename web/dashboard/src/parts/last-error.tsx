import type { ExecutionRecord, WatchedEvent } from "@claudeops/client";
import { plainText, useHub } from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

/** How far back from the end the last error is looked for. */
const BACK = 500;

/** The last line a failed run wrote as an error, and the way to it. */
export function LastError({
  record,
  onLine,
}: {
  readonly record: ExecutionRecord;
  onLine(seq: number): void;
}): ReactNode {
  const { api } = useHub();
  const found = useQuery({
    queryKey: ["last error", record.executionId],
    queryFn: async ({ signal }) => {
      const { events } = await api.executions.events(record.executionId, { tail: BACK }, { signal });
      return lastErrorOf(events);
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const line = found.data;
  if (!line) return null;
  return (
    <button
      type="button"
      className="mt-1.5 block w-full text-left font-mono text-[12.5px] leading-5 rounded-sm px-1.5 py-0.5 bg-sunken hover:bg-hover wrap-anywhere line-clamp-3"
      title="Show it in the log"
      onClick={() => onLine(line.seq)}
    >
      {line.text}
    </button>
  );
}

/** The last error among events: by its level, else the last of standard error. */
export function lastErrorOf(events: readonly WatchedEvent[]): { seq: number; text: string } | null {
  let spoken: { seq: number; text: string } | null = null;
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (event?.type !== "execution:log") continue;
    const text = plainText(event.message).trim();
    if (text === "") continue;
    if (event.level === "error") return { seq: event.seq, text };
    if (event.stream === "stderr") spoken ??= { seq: event.seq, text };
  }
  return spoken;
}
