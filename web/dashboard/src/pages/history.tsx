import type { ExecutionRecord } from "@claudeops/client";
import { formatPlural } from "@claudeops/react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useReducer } from "react";
import {
  changed,
  type HistoryChange,
  type HistorySearch,
  isFiltered,
  lineQuery,
} from "../history/address.ts";
import { Filters } from "../history/filters.tsx";
import { LineResults } from "../history/line-results.tsx";
import { useLineSearch } from "../history/line-search.ts";
import { SavedViews } from "../history/saved-views.tsx";
import { NOTHING_CHOSEN, selectionAfter } from "../history/selection.ts";
import { SelectionBar } from "../history/selection-bar.tsx";
import { useRunList } from "../history/use-run-list.ts";
import { useHeld } from "../lib/held.ts";
import { useKeys } from "../lib/keys.ts";
import { useTitle } from "../lib/title.ts";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { RecordsTable } from "../parts/records-table.tsx";

/** Every run there is, by state, agent, time and words; the address says which. */
export default function History(): ReactNode {
  useTitle("History");
  const search = useSearch({ from: "/executions" });
  const navigate = useNavigate();
  const [selection, select] = useReducer(selectionAfter, NOTHING_CHOSEN);
  const inLines = search.in === "lines";
  const lines = useLineSearch(lineQuery(search));
  const { page, records: listed, total } = useRunList(search, !inLines);
  const { shown: records, waiting, release, pointer } = useHeld(listed);
  const shown = records.map((record) => record.executionId);

  const open = (next: HistorySearch) => void navigate({ to: "/executions", search: next, replace: true });
  const change = (what: HistoryChange) => open(changed(search, what));
  useKeys({
    // biome-ignore lint/correctness/noComponentHookFactories: the name of a key, not of a component
    Escape: () => select({ type: "end" }),
    " ": () => {
      const row = document.activeElement?.closest<HTMLElement>("[data-row]");
      const id = row?.dataset.row;
      if (!inLines && id) select({ type: "toggle", id, range: false, shown });
    },
  });
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid gap-4 content-start">
      <h1 className="sr-only">History</h1>
      <Filters search={search} onChange={change}>
        <span className={`sm:ml-auto flex gap-2 justify-end ${inLines ? "col-span-2" : ""}`}>
          <button
            type="button"
            className={`cops-button ${isFiltered(search) ? "" : "invisible"}`}
            onClick={() => open(inLines ? { in: "lines" } : {})}
          >
            Clear
          </button>
          {!inLines && (
            <button
              type="button"
              className="cops-button"
              aria-pressed={selection.active}
              onClick={() => select({ type: selection.active ? "end" : "begin" })}
            >
              Choose…
            </button>
          )}
        </span>
      </Filters>
      <SavedViews search={search} onOpen={open} />
      {inLines ? (
        <LineResults search={lines} />
      ) : (
        <>
          {selection.active ? (
            <SelectionBar selection={selection} records={records} onSelect={select} />
          ) : (
            <p className="text-ink-2 min-h-5 -my-1" role="status">
              {total === undefined ? "" : formatPlural(total, "run")}
              {total !== undefined && total > 0 && " · newest first"}
              {waiting > 0 && (
                <button type="button" className="link ml-2" onClick={release}>
                  {formatPlural(waiting, "change")}, show
                </button>
              )}
            </p>
          )}
          <List
            pending={page.isPending}
            error={page.error}
            records={records}
            filtered={isFiltered(search)}
            onRetry={() => void page.refetch()}
            table={
              <RecordsTable
                label="Runs"
                records={records}
                pointer={pointer}
                {...(selection.active
                  ? {
                      chosen: selection.ids,
                      onChoose: (id: string, range: boolean) => select({ type: "toggle", id, range, shown }),
                    }
                  : {})}
              />
            }
          />
          {page.hasNextPage && (
            <button
              type="button"
              className="cops-button justify-self-center"
              disabled={page.isFetchingNextPage}
              onClick={() => void page.fetchNextPage()}
            >
              {page.isFetchingNextPage ? "Loading…" : "Older runs"}
            </button>
          )}
        </>
      )}
    </main>
  );
}

function List(props: {
  pending: boolean;
  error: Error | null;
  records: readonly ExecutionRecord[];
  filtered: boolean;
  onRetry(): void;
  table: ReactNode;
}): ReactNode {
  if (props.pending) return <Placeholder rows={8} />;
  if (props.error && props.records.length === 0) {
    return (
      <Notice
        title="History can't be read"
        tone="failed"
        actions={
          <button type="button" className="cops-button" onClick={props.onRetry}>
            Try again
          </button>
        }
      >
        <p>{props.error.message}</p>
      </Notice>
    );
  }
  if (props.records.length > 0) return props.table;
  return props.filtered ? (
    <Notice title="No runs match these filters">
      <p>Remove a filter, or choose a longer time.</p>
    </Notice>
  ) : (
    <Notice title="Nothing has run here yet">
      <p>Every run is kept here, with every line it wrote.</p>
    </Notice>
  );
}
