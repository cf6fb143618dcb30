import { type HistorySearch, parseHistorySearch } from "./address.ts";

/** A search that somebody keeps under a name, in this browser. */
export interface SavedView {
  readonly name: string;
  readonly search: HistorySearch;
}

const KEY = "claudeops.history.views";

/** Reads the views; what is no view is left out. */
export function readViews(storage: Pick<Storage, "getItem">): readonly SavedView[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(KEY) ?? "[]");
    if (!Array.isArray(stored)) return [];
    return stored.flatMap((one: unknown) => {
      if (typeof one !== "object" || one === null) return [];
      const { name, search } = one as Record<string, unknown>;
      if (typeof name !== "string" || name === "" || typeof search !== "object" || search === null) return [];
      return [{ name, search: parseHistorySearch(search as Record<string, unknown>) }];
    });
  } catch {
    return [];
  }
}

/** Keeps a view; one of the same name is replaced. */
export function withView(views: readonly SavedView[], view: SavedView): readonly SavedView[] {
  return [...views.filter((one) => one.name !== view.name), view].sort((a, b) =>
    a.name.localeCompare(b.name),
  );
}

export function withoutView(views: readonly SavedView[], name: string): readonly SavedView[] {
  return views.filter((one) => one.name !== name);
}

export function writeViews(storage: Pick<Storage, "setItem">, views: readonly SavedView[]): void {
  storage.setItem(KEY, JSON.stringify(views));
}

/** Whether two searches ask for the same. */
export function sameSearch(a: HistorySearch, b: HistorySearch): boolean {
  const key = (search: HistorySearch) => JSON.stringify(Object.entries(search).sort());
  return key(a) === key(b);
}
