import type { ExecutionRecord } from "@claudeops/client";
import { useExecutions, useHub } from "@claudeops/react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { type HistorySearch, listQuery } from "./address.ts";

const PAGE = 50;

/** Milliseconds between two refreshes while runs begin and end all the time. */
const GATHER = 1000;

/** The runs that a search finds, page by page, kept true while runs begin and end. */
export function useRunList(search: HistorySearch, enabled: boolean) {
  const hub = useHub();
  const { records: live, all } = useExecutions();
  const page = useInfiniteQuery({
    queryKey: ["executions", search],
    enabled,
    queryFn: ({ pageParam, signal }) =>
      hub.api.executions.list(
        {
          ...listQuery(search, hub.serverNow()),
          limit: PAGE,
          ...(pageParam ? { cursor: pageParam } : { count: true }),
        },
        { signal },
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });

  // Whatever began or ended may belong to the list now, or no longer.
  const ended = useMemo(() => all.reduce((count, record) => count + (record.terminal ? 1 : 0), 0), [all]);
  const change = `${all[0]?.executionId ?? ""} ${ended}`;
  const { refetch } = page;
  const known = useRef(change);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    if (!enabled || known.current === change) return;
    known.current = change;
    // Not put off by what changes meanwhile: where runs end all the time it would never come.
    timer.current ??= setTimeout(() => {
      timer.current = null;
      void refetch({ cancelRefetch: false });
    }, GATHER);
  }, [change, enabled, refetch]);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );

  const records = useMemo(
    () => (page.data?.pages ?? []).flatMap((part) => part.executions).map((record) => newer(record, live)),
    [page.data, live],
  );
  return { page, records, total: page.data?.pages[0]?.total };
}

/**
 * What the feed knows is newer than what was listed; but that somebody pinned a run that has ended is no
 * event.
 */
export function newer(record: ExecutionRecord, live: ReadonlyMap<string, ExecutionRecord>): ExecutionRecord {
  const known = live.get(record.executionId);
  return known && known.head >= record.head && !record.terminal ? known : record;
}
