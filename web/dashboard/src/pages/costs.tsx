import type { RestSchemas } from "@claudeops/client";
import { formatCount, formatPlural, formatShort, formatUsd, useHub } from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import {
  COST_SPANS,
  type CostsBy,
  type CostsSearch,
  type CostsSpan,
  daysSince,
  firstDay,
  GROUPS,
} from "../costs/address.ts";
import { Budgets } from "../costs/budgets.tsx";
import { serverUrl } from "../lib/place.ts";
import { useTitle } from "../lib/title.ts";
import { sayError } from "../lib/toasts.ts";
import { Notice, Placeholder } from "../parts/notice.tsx";

type Report = RestSchemas["CostReport"];
type Entry = RestSchemas["CostEntry"];

/** What agents have cost: by day, agent, model, trigger or user; and what they may cost. */
export default function Costs(): ReactNode {
  useTitle("Costs");
  const { api, serverNow } = useHub();
  const search = useSearch({ from: "/costs" });
  const navigate = useNavigate();
  const by = search.by ?? "day";
  const span = search.span ?? "30d";
  const since = firstDay(span, serverNow());
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const query = new URLSearchParams({ by, since, timezone }).toString();
  const report = useQuery({
    queryKey: ["costs", query],
    queryFn: async ({ signal }) => (await api.get(`api/costs?${query}`, { signal })) as Report,
    placeholderData: (before) => (before?.by === by ? before : undefined),
  });
  const set = (change: CostsSearch) =>
    void navigate({ to: "/costs", search: { ...search, ...change }, replace: true });
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid gap-[26px] content-start">
      <h1 className="sr-only">Costs</h1>
      <Budgets />
      <section aria-labelledby="spent" className="grid gap-3">
        <div className="flex flex-wrap items-center gap-2">
          <h2 id="spent" className="sr-only">
            Spent
          </h2>
          <Choice<CostsBy> label="Sum" value={by} options={GROUPS} onChange={(value) => set({ by: value })} />
          <Choice<CostsSpan>
            label="Time"
            value={span}
            options={COST_SPANS}
            onChange={(value) => set({ span: value })}
          />
          <button
            type="button"
            className="cops-button ml-auto"
            onClick={() => downloadTable(`api/costs?${query}`, `costs-by-${by}.csv`).catch(sayError)}
          >
            CSV
          </button>
        </div>
        {report.error ? (
          <Notice title="Costs can't be read" tone="failed">
            <p>{report.error.message}</p>
          </Notice>
        ) : !report.data ? (
          <Placeholder rows={6} />
        ) : (
          <Spent report={report.data} days={by === "day" ? daysSince(since, serverNow()) : null} />
        )}
      </section>
    </main>
  );
}

/** Saves a table. A link could not say that one wants CSV. */
async function downloadTable(path: string, name: string): Promise<void> {
  const answer = await fetch(serverUrl(path), { headers: { Accept: "text/csv" } });
  if (!answer.ok) throw new Error(`The server refused: ${answer.status} ${answer.statusText}`);
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function Spent({ report, days }: { report: Report; days: readonly string[] | null }): ReactNode {
  const { totalUsd, totalNotionalUsd, estimatedUsd, entries } = report;
  const unreported = entries.reduce((count, entry) => count + (entry.unreportedRuns ?? 0), 0);
  return (
    <>
      <p className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <b className="text-[26px] font-semibold tracking-[-0.02em]">{formatUsd(totalUsd)}</b>
        <span className="text-ink-2">
          {[
            estimatedUsd > 0 ? `${formatUsd(estimatedUsd)} of it estimated` : "",
            totalNotionalUsd > 0 ? `${formatUsd(totalNotionalUsd)} more is paid by subscriptions` : "",
            unreported > 0 ? `${formatPlural(unreported, "run")} report no cost` : "",
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </p>
      {entries.length === 0 ? (
        <Notice title="Nothing has cost money in this time">
          <p>Choose a longer time. Agents that call no model cost nothing.</p>
        </Notice>
      ) : (
        <>
          {days && totalUsd + totalNotionalUsd > 0 && <DayChart days={days} entries={entries} />}
          <CostTable entries={days ? entries : [...entries].sort((a, b) => b.usd - a.usd)} by={report.by} />
        </>
      )}
    </>
  );
}

const HEIGHT = 140;

/** One bar a day; what subscriptions pay for stands above it, lighter. */
function DayChart({ days, entries }: { days: readonly string[]; entries: readonly Entry[] }): ReactNode {
  const byDay = new Map(entries.map((entry) => [entry.key, entry]));
  const most = Math.max(...entries.map((entry) => entry.usd + (entry.notionalUsd ?? 0)), 0.000001);
  const part = (usd: number) => `${(usd / most) * 100}%`;
  return (
    <figure className="box px-4 pt-3 pb-2">
      <div className="flex items-end gap-[3px]" style={{ height: HEIGHT }} aria-hidden="true">
        {days.map((day) => {
          const entry = byDay.get(day);
          return (
            <span
              key={day}
              className="flex-1 h-full flex flex-col justify-end hover:bg-hover"
              title={`${day}: ${formatUsd(entry?.usd ?? 0)}, ${formatPlural(entry?.runs ?? 0, "run")}`}
            >
              <span className="bg-accent-wash" style={{ height: part(entry?.notionalUsd ?? 0) }} />
              <span className="bg-accent rounded-t-[2px]" style={{ height: part(entry?.usd ?? 0) }} />
            </span>
          );
        })}
      </div>
      <figcaption className="flex justify-between pt-1 text-[11px] text-ink-2">
        <span>{days[0]}</span>
        <span>{formatUsd(most)} at most</span>
        <span>{days.at(-1)}</span>
      </figcaption>
    </figure>
  );
}

function CostTable({ entries, by }: { entries: readonly Entry[]; by: CostsBy }): ReactNode {
  const most = Math.max(...entries.map((entry) => entry.usd), 0.000001);
  const cell = "px-3.5 py-[7px] text-right";
  return (
    <div className="box overflow-x-auto">
      <table className="w-full border-collapse">
        <thead>
          <tr className="text-ink-2 text-[12px]">
            <th className="px-3.5 py-1.5 text-left font-[550] capitalize">{by}</th>
            <th className="px-3.5 py-1.5 text-right font-[550]">Cost</th>
            <th className="hidden sm:table-cell w-[26%]">
              <span className="sr-only">Share</span>
            </th>
            <th className="px-3.5 py-1.5 text-right font-[550]">Runs</th>
            <th className="px-3.5 py-1.5 text-right font-[550] hidden sm:table-cell">Tokens in</th>
            <th className="px-3.5 py-1.5 text-right font-[550] hidden sm:table-cell">Tokens out</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.key} className="border-t border-line">
              <td className="px-3.5 py-[7px] font-semibold wrap-anywhere" translate="no">
                {entry.key || "–"}
              </td>
              <td className={cell}>
                {formatUsd(entry.usd)}
                {(entry.notionalUsd ?? 0) > 0 && (
                  <span className="block text-ink-2 text-[12px]">
                    + {formatUsd(entry.notionalUsd ?? 0)} by subscription
                  </span>
                )}
              </td>
              <td className="hidden sm:table-cell" aria-hidden="true">
                <span
                  className="block h-1.5 rounded-full bg-accent"
                  style={{ width: `${(entry.usd / most) * 100}%` }}
                />
              </td>
              <td className={cell}>{formatCount(entry.runs)}</td>
              <td className={`${cell} hidden sm:table-cell`}>
                {formatShort(
                  (entry.tokens?.input ?? 0) +
                    (entry.tokens?.cacheRead ?? 0) +
                    (entry.tokens?.cacheWrite ?? 0),
                )}
              </td>
              <td className={`${cell} hidden sm:table-cell`}>{formatShort(entry.tokens?.output ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange(value: T): void;
}): ReactNode {
  return (
    <select
      className="text-input pr-6!"
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value as T)}
    >
      {props.options.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
}
