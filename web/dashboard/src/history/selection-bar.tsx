import type { ExecutionRecord } from "@claudeops/client";
import { formatPlural, useHub } from "@claudeops/react";
import { type ReactNode, useState } from "react";
import { useAgents } from "../lib/queries.ts";
import { say, sayError } from "../lib/toasts.ts";
import { isMasked } from "../lib/words.ts";
import { Confirm } from "../parts/confirm.tsx";
import { choiceOf, type Selection, type SelectionEvent } from "./selection.ts";

export interface SelectionBarProps {
  readonly selection: Selection;
  readonly records: readonly ExecutionRecord[];
  onSelect(event: SelectionEvent): void;
}

/** What can be done with the runs that are chosen: stop them, or start them again as they were. */
export function SelectionBar({ selection, records, onSelect }: SelectionBarProps): ReactNode {
  const hub = useHub();
  const agents = useAgents();
  const [asking, setAsking] = useState<"stop" | "again" | null>(null);
  const [busy, setBusy] = useState(false);
  const { stoppable, repeatable } = choiceOf(selection, records);
  const shown = records.map((record) => record.executionId);
  const unended = records.filter((record) => !record.terminal).map((record) => record.executionId);
  const known = new Set((agents.data?.agents ?? []).map((agent) => agent.name));
  // A masked secret can't be sent again, and an agent that is gone can't be started.
  const startable = repeatable.filter((record) => known.has(record.agentType) && !isMasked(record));
  const left = repeatable.length - startable.length;

  const act = async (
    what: readonly ExecutionRecord[],
    one: (record: ExecutionRecord) => Promise<unknown>,
    done: string,
    refused: string,
  ) => {
    setAsking(null);
    setBusy(true);
    const results = await Promise.allSettled(what.map(one));
    setBusy(false);
    const failed = results.filter((result) => result.status === "rejected");
    if (failed.length > 0) {
      const reason: unknown = failed[0]?.reason;
      const why = reason instanceof Error ? reason.message : String(reason);
      sayError(new Error(`${formatPlural(failed.length, "run")} could not be ${refused}: ${why}`));
    } else say(`${formatPlural(what.length, "run")} ${done}`);
    onSelect({ type: "end" });
  };
  return (
    <div
      className="box flex flex-wrap items-center gap-3 pl-3.5 pr-2 py-1.5"
      role="toolbar"
      aria-label="Chosen runs"
    >
      <Many
        label={`All ${formatPlural(shown.length, "run")} shown`}
        ids={shown}
        {...{ selection, onSelect }}
      />
      {unended.length > 0 && (
        <Many label={`All that run or wait (${unended.length})`} ids={unended} {...{ selection, onSelect }} />
      )}
      <span className="text-ink-3 hidden sm:inline">
        <kbd>Space</kbd> chooses, <kbd>Shift</kbd> chooses a range, <kbd>Esc</kbd> ends
      </span>
      <span className="ml-auto flex gap-2">
        <button
          type="button"
          className="cops-button"
          disabled={busy || startable.length === 0}
          onClick={() => setAsking("again")}
        >
          {startable.length > 0 ? `Run ${startable.length} again` : "Run again"}
        </button>
        <button
          type="button"
          className="cops-button cops-stop"
          disabled={busy || stoppable.length === 0}
          onClick={() => setAsking("stop")}
        >
          {stoppable.length > 0 ? `Stop ${formatPlural(stoppable.length, "run")}` : "Stop"}
        </button>
        <button type="button" className="cops-button" onClick={() => onSelect({ type: "end" })}>
          Done
        </button>
      </span>
      <Confirm
        open={asking === "stop"}
        title={`Stop ${formatPlural(stoppable.length, "run")}?`}
        action={stoppable.length === 1 ? "Stop it" : "Stop them"}
        keep="Keep running"
        onClose={() => setAsking(null)}
        onConfirm={() =>
          void act(
            stoppable,
            (record) => hub.cancel(record.executionId, "stopped together with others"),
            "stopping",
            "stopped",
          )
        }
      >
        Everything they have started is ended as well.
      </Confirm>
      <Confirm
        open={asking === "again"}
        title={`Start ${formatPlural(startable.length, "run")} again?`}
        action="Start"
        keep="Cancel"
        onClose={() => setAsking(null)}
        onConfirm={() =>
          void act(
            startable,
            (record) =>
              hub.connection.execute({
                agentType: record.agentType,
                config: (record.config ?? {}) as Readonly<Record<string, unknown>>,
              }),
            "started",
            "started",
          )
        }
      >
        Each starts with the parameters it had.
        {left > 0 &&
          ` ${formatPlural(left, "run")} can't be started from here: the agent is gone, or a secret has to be entered.`}
      </Confirm>
    </div>
  );
}

function Many({
  label,
  ids,
  selection,
  onSelect,
}: {
  label: string;
  ids: readonly string[];
  selection: Selection;
  onSelect(event: SelectionEvent): void;
}): ReactNode {
  return (
    <label className="flex items-center gap-2">
      <input
        type="checkbox"
        className="size-4 accent-accent"
        checked={
          ids.length > 0 && ids.length === selection.ids.size && ids.every((id) => selection.ids.has(id))
        }
        onChange={(event) => onSelect(event.target.checked ? { type: "all", shown: ids } : { type: "none" })}
      />
      {label}
    </label>
  );
}
