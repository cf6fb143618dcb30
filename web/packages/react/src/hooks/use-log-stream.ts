"use client";

import { type LogEvent, type LogState, type LogStore, PAGE_SIZE } from "@claudeops/model";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useHub } from "../context.js";

export interface UseLogStream extends LogState {
  /** Events known to exist; their seqs are 1 to total. */
  readonly total: number;
  /** The last events held, ascending: `tail` of them at most, a new array when they change. */
  readonly tail: readonly LogEvent[];
  /** One event, if it is here. */
  event(seq: number): LogEvent | undefined;
  /** Fetches what is missing of a range. */
  load(fromSeq: number, toSeq: number): void;
  /** Tries again what could not be fetched. */
  retry(): void;
  /** Lets go of every event held. */
  clear(): void;
  /** The store itself, e.g. for a LogViewer. */
  readonly store: LogStore;
}

/**
 * The log of an execution: how long it is, its last lines live, the rest fetched as needed. Memory is
 * bounded however long the log is.
 */
export function useLogStream(executionId: string, options: { readonly tail?: number } = {}): UseLogStream {
  const hub = useHub();
  const store = hub.log(executionId);
  const count = options.tail ?? 100;
  const state = useSyncExternalStore(store.subscribe, store.getState, nothing);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for what the store holds
  const tail = useMemo(() => store.tail(count), [store, state.version, count]);
  const event = useCallback(
    (seq: number) => {
      const slot = store.slot(seq);
      return slot && "seq" in slot ? slot : undefined;
    },
    [store],
  );
  const [loader] = useState(() => ({}));
  const load = useCallback(
    (fromSeq: number, toSeq: number) => store.want(pagesOf(fromSeq, toSeq), loader),
    [store, loader],
  );
  // The end that is opened with may be shorter than the tail that is asked for.
  const [tailer] = useState(() => ({}));
  const lastPage = Math.floor(Math.max(0, state.head - 1) / PAGE_SIZE);
  const empty = state.head === 0;
  useEffect(() => {
    const last = (lastPage + 1) * PAGE_SIZE;
    if (count > 0 && !empty) store.want(pagesOf(Math.max(1, last - PAGE_SIZE - count), last), tailer);
  }, [store, tailer, count, lastPage, empty]);
  useEffect(
    () => () => {
      store.want([], tailer);
      store.want([], loader);
    },
    [store, tailer, loader],
  );
  const retry = useCallback(() => store.retry(), [store]);
  const clear = useCallback(() => store.clear(), [store]);
  return { ...state, total: state.head, tail, event, load, retry, clear, store };
}

/** The pages that hold these events. */
function pagesOf(fromSeq: number, toSeq: number): number[] {
  const first = Math.floor((fromSeq - 1) / PAGE_SIZE);
  const last = Math.floor((toSeq - 1) / PAGE_SIZE);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}

const NOTHING: LogState = { head: 0, streaming: false, ended: false, opening: true, error: null, version: 0 };
const nothing = () => NOTHING;
