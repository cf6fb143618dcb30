import { X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { sayError } from "../lib/toasts.ts";
import { type HistorySearch, isFiltered } from "./address.ts";
import { readViews, type SavedView, sameSearch, withoutView, withView, writeViews } from "./views.ts";

export interface SavedViewsProps {
  readonly search: HistorySearch;
  onOpen(search: HistorySearch): void;
}

/** Searches kept under a name, one press away; and a way to keep the one on the screen. */
export function SavedViews({ search, onOpen }: SavedViewsProps): ReactNode {
  const [views, setViews] = useState<readonly SavedView[]>(() => readViews(localStorage));
  const [naming, setNaming] = useState(false);
  const keep = (next: readonly SavedView[]) => {
    setViews(next);
    try {
      writeViews(localStorage, next);
    } catch (error) {
      sayError(new Error(`This browser could not store the view: ${String(error)}`));
    }
  };
  const savable = isFiltered(search) && !views.some((view) => sameSearch(view.search, search));
  if (views.length === 0 && !savable) return null;
  return (
    <ul className="flex flex-wrap items-center gap-1.5 text-[12.5px]" aria-label="Saved views">
      {views.map((view) => (
        <li
          key={view.name}
          className={`inline-flex items-center rounded-full border pl-2.5 pr-0.5 ${sameSearch(view.search, search) ? "border-accent text-accent" : "border-line text-ink-2"}`}
        >
          <button
            type="button"
            className="py-0.5 hover:text-ink"
            aria-current={sameSearch(view.search, search) || undefined}
            onClick={() => onOpen(view.search)}
          >
            {view.name}
          </button>
          <button
            type="button"
            className="grid place-items-center size-6 text-ink-3 hover:text-ink"
            aria-label={`Delete the view ${view.name}`}
            onClick={() => keep(withoutView(views, view.name))}
          >
            <X size={12} aria-hidden="true" />
          </button>
        </li>
      ))}
      {savable &&
        (naming ? (
          <li>
            <form
              className="flex items-center gap-1.5"
              onSubmit={(event) => {
                event.preventDefault();
                const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
                if (name === "") return;
                keep(withView(views, { name, search }));
                setNaming(false);
              }}
              onKeyDown={(event) => {
                if (event.key === "Escape") setNaming(false);
              }}
            >
              <input
                name="name"
                className="text-input py-0.5! w-[16ch]"
                aria-label="Name of the view"
                placeholder="Name of the view"
                // biome-ignore lint/a11y/noAutofocus: it was asked for by a press
                autoFocus
              />
              <button type="submit" className="cops-button py-0.5!">
                Save
              </button>
            </form>
          </li>
        ) : (
          <li>
            <button type="button" className="link" onClick={() => setNaming(true)}>
              Save this view
            </button>
          </li>
        ))}
    </ul>
  );
}
