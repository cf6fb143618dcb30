import type { Api, SearchMatch } from "@claudeops/client";
import { useHub } from "@claudeops/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { boundsOf, type LineQuery } from "./address.ts";

/** The lines found in one run. */
export interface RunMatches {
  readonly executionId: string;
  readonly matches: readonly SearchMatch[];
}

export interface LineSearch {
  readonly status: "idle" | "searching" | "done" | "stopped" | "failed";
  /** Newest run first, as they were found. */
  readonly runs: readonly RunMatches[];
  /** Lines here; `total` of them were counted. */
  readonly shown: number;
  readonly total: number;
  /** Events that could not be searched: damaged, or no longer kept. */
  readonly lost: number;
  /** Runs whose journal could not be read. */
  readonly unread: number;
  readonly error: string | null;
}

const IDLE: LineSearch = {
  status: "idle",
  runs: [],
  shown: 0,
  total: 0,
  lost: 0,
  unread: 0,
  error: null,
};

/** Lines brought at most; what comes after is counted. */
export const LINES_AT_MOST = 2000;
/** Milliseconds between two renders while much is found. */
const GATHER = 80;
/** The server breaks a silence every ten seconds; twice that without a word is a dead connection. */
const SILENCE = 25_000;

/** Looks for lines in every run. Shows what is found as it is found; another query ends the last one. */
export function useLineSearch(query: LineQuery | null): LineSearch & { stop(): void } {
  const hub = useHub();
  const [state, setState] = useState<LineSearch>(IDLE);
  const running = useRef<Running | null>(null);
  const key = JSON.stringify(query);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is the query
  useEffect(() => {
    if (!query) {
      setState(IDLE);
      return;
    }
    const mine = new Running(hub.api, query, hub.serverNow(), setState);
    running.current = mine;
    return () => mine.end();
  }, [hub, key]);
  const stop = useCallback(() => running.current?.stop(), []);
  return { ...state, stop };
}

class Running {
  readonly #controller = new AbortController();
  readonly #tell: (state: LineSearch) => void;
  readonly #runs = new Map<string, SearchMatch[]>();
  #state: LineSearch = { ...IDLE, status: "searching" };
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(api: Api, query: LineQuery, now: number, tell: (state: LineSearch) => void) {
    this.#tell = tell;
    tell(this.#state);
    void this.#run(api, query, now);
  }

  /** Ends it without a word: nobody looks any more. */
  end(): void {
    this.#controller.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Ends it; what was found stays. */
  stop(): void {
    if (this.#state.status !== "searching") return;
    this.end();
    this.#state = { ...this.#state, status: "stopped" };
    this.#publish();
  }

  async #run(api: Api, query: LineQuery, now: number): Promise<void> {
    const { signal } = this.#controller;
    try {
      const pages = api.executions.search(
        {
          query: query.text,
          regex: query.regex,
          caseSensitive: query.caseSensitive,
          limit: LINES_AT_MOST,
          ...(query.levels.length > 0 ? { level: query.levels } : {}),
          ...(query.statuses.length > 0 ? { status: query.statuses } : {}),
          ...(query.agent ? { agentType: query.agent } : {}),
          ...boundsOf(query, now),
        },
        { signal, timeoutMs: SILENCE },
      );
      for await (const page of pages) {
        if (signal.aborted) return;
        for (const match of page.matches) {
          const id = match.executionId ?? page.executionId ?? "";
          const known = this.#runs.get(id);
          if (known) known.push(match);
          else this.#runs.set(id, [match]);
        }
        const { shown, lost, unread } = this.#state;
        this.#state = {
          ...this.#state,
          shown: shown + page.matches.length,
          total: page.total,
          lost: page.lost ?? lost,
          unread: page.error ? unread + 1 : unread,
        };
        this.#timer ??= setTimeout(() => {
          this.#timer = null;
          this.#publish();
        }, GATHER);
      }
      this.#state = { ...this.#state, status: "done" };
    } catch (error) {
      if (signal.aborted) return;
      this.#state = {
        ...this.#state,
        status: "failed",
        error: error instanceof Error ? error.message : String(error),
      };
    }
    this.end();
    this.#publish();
  }

  #publish(): void {
    const runs = [...this.#runs].map(([executionId, matches]) => ({ executionId, matches: [...matches] }));
    this.#state = { ...this.#state, runs };
    this.#tell(this.#state);
  }
}
