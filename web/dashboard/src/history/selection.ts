import type { ExecutionRecord } from "@claudeops/client";

/** Which runs of a list are chosen. `anchor` is where a range begins. */
export interface Selection {
  readonly active: boolean;
  readonly ids: ReadonlySet<string>;
  readonly anchor: string | null;
}

export const NOTHING_CHOSEN: Selection = { active: false, ids: new Set(), anchor: null };

export type SelectionEvent =
  | { readonly type: "begin" }
  | { readonly type: "end" }
  /** One run was pressed. `range` chooses all from the anchor to it, in the order that is shown. */
  | {
      readonly type: "toggle";
      readonly id: string;
      readonly range: boolean;
      readonly shown: readonly string[];
    }
  | { readonly type: "all"; readonly shown: readonly string[] }
  | { readonly type: "none" };

/** How a selection changes. Choosing a run begins it; ending it lets go of everything. */
export function selectionAfter(selection: Selection, event: SelectionEvent): Selection {
  switch (event.type) {
    case "begin":
      return { ...NOTHING_CHOSEN, active: true };
    case "end":
      return NOTHING_CHOSEN;
    case "none":
      return { active: true, ids: new Set(), anchor: null };
    case "all":
      return { active: true, ids: new Set(event.shown), anchor: selection.anchor };
    case "toggle": {
      const ids = new Set(selection.ids);
      const from = selection.anchor === null ? -1 : event.shown.indexOf(selection.anchor);
      const to = event.shown.indexOf(event.id);
      if (event.range && from >= 0 && to >= 0) {
        for (const id of event.shown.slice(Math.min(from, to), Math.max(from, to) + 1)) ids.add(id);
        return { active: true, ids, anchor: selection.anchor };
      }
      if (!ids.delete(event.id)) ids.add(event.id);
      return { active: true, ids, anchor: event.id };
    }
  }
}

/** What can be done with the chosen runs. */
export interface Choice {
  readonly stoppable: readonly ExecutionRecord[];
  readonly repeatable: readonly ExecutionRecord[];
}

/** Sorts the chosen runs by what can be done with them; runs that are no longer listed do not count. */
export function choiceOf(selection: Selection, records: readonly ExecutionRecord[]): Choice {
  const chosen = records.filter((record) => selection.ids.has(record.executionId));
  return {
    stoppable: chosen.filter((record) => !record.terminal && record.status !== "cancelling"),
    repeatable: chosen.filter((record) => record.terminal),
  };
}
