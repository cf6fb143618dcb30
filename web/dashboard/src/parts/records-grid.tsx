import { type ReactNode, useState } from "react";
import { JsonView } from "./json-view.tsx";
import { Linked } from "./linked.tsx";

/** Rows drawn before one asks for more. */
const FIRST = 100;
const MOST_COLUMNS = 12;

/** The columns of a list of objects; null where a table would not do. */
export function columnsOf(value: unknown): readonly string[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const columns = new Set<string>();
  for (const row of value) {
    if (typeof row !== "object" || row === null || Array.isArray(row)) return null;
    for (const name of Object.keys(row)) columns.add(name);
  }
  return columns.size > 0 && columns.size <= MOST_COLUMNS ? [...columns] : null;
}

/** A list of objects as a table that sorts by its columns. */
export function RecordsGrid({
  rows,
  columns,
}: {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly columns: readonly string[];
}): ReactNode {
  const [sort, setSort] = useState<{ readonly by: string; readonly down: boolean } | null>(null);
  const [most, setMost] = useState(FIRST);
  const ordered = sort
    ? [...rows].sort((a, b) => compare(a[sort.by], b[sort.by]) * (sort.down ? -1 : 1))
    : rows;
  return (
    <div className="box overflow-x-auto">
      <table className="w-full border-collapse">
        <thead>
          <tr>
            {columns.map((name) => (
              <th
                key={name}
                className="text-left font-[550] text-ink-2 px-3 py-1.5 border-b border-line whitespace-nowrap"
                aria-sort={sort?.by === name ? (sort.down ? "descending" : "ascending") : undefined}
              >
                <button
                  type="button"
                  className="hover:text-ink"
                  onClick={() => setSort({ by: name, down: sort?.by === name && !sort.down })}
                >
                  {name} {sort?.by === name ? (sort.down ? "↓" : "↑") : ""}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ordered.slice(0, most).map((row, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity
            <tr key={i} className="border-t border-line first:border-t-0 align-top">
              {columns.map((name) => (
                <td
                  key={name}
                  className={`px-3 py-1.5 wrap-anywhere ${typeof row[name] === "number" ? "text-right" : ""}`}
                >
                  <Cell value={row[name]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && (
        <button type="button" className="link px-3 py-2" onClick={() => setMost(most + FIRST)}>
          {rows.length - most} more
        </button>
      )}
    </div>
  );
}

function Cell({ value }: { value: unknown }): ReactNode {
  if (value === undefined || value === null) return <span className="text-ink-3">–</span>;
  if (typeof value === "string") return <Linked text={value} />;
  return typeof value === "object" ? <JsonView value={value} /> : String(value);
}

/** Numbers by size, everything else as text; what is missing last. */
export function compare(a: unknown, b: unknown): number {
  const missing = (value: unknown) => value === undefined || value === null;
  if (missing(a) || missing(b)) return missing(a) === missing(b) ? 0 : missing(a) ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return text(a).localeCompare(text(b), undefined, { numeric: true });
}
