import type { RestSchemas } from "@claudeops/client";
import { formatUsd, useHub } from "@claudeops/react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSession } from "../lib/queries.ts";
import { say, sayError } from "../lib/toasts.ts";

type Report = RestSchemas["BudgetReport"];

/** What may be spent, what has been, and what the month will come to; the owner sets the limits. */
export function Budgets(): ReactNode {
  const { api } = useHub();
  const session = useSession();
  const report = useQuery({
    queryKey: ["budgets"],
    queryFn: async ({ signal }) => (await api.get("api/budgets", { signal })) as Report,
  });
  const [editing, setEditing] = useState(false);
  if (!report.data) return <div className="min-h-[104px]" />;
  const { spentDayUsd, spentMonthUsd, perDay, perMonth, forecastMonthUsd, agents } = report.data;
  const mayChange = session.data?.permissions.includes("admin") ?? false;
  return (
    <section aria-labelledby="budgets">
      <div className="head-row">
        <h2 id="budgets">Budgets</h2>
        {mayChange && !editing && (
          <button type="button" className="link ml-auto font-[550]" onClick={() => setEditing(true)}>
            Change
          </button>
        )}
      </div>
      <div className="box grid sm:grid-cols-3 divide-y sm:divide-y-0 sm:divide-x divide-line">
        <Meter name="Today" spent={spentDayUsd} limit={perDay} />
        <Meter name="This month" spent={spentMonthUsd} limit={perMonth} />
        <div className="px-4 py-3 grid content-start gap-1">
          <span className="text-ink-2 text-[12px]">Forecast for the month</span>
          <b className="text-[19px] font-semibold tracking-[-0.02em]">{formatUsd(forecastMonthUsd)}</b>
          {perMonth !== null && perMonth !== undefined && forecastMonthUsd > perMonth && (
            <span className="text-warning">more than the budget</span>
          )}
        </div>
      </div>
      {editing && <Form report={report.data} onClose={() => setEditing(false)} />}
      {agents.length > 0 && (
        <ul className="mt-2 grid gap-1 text-ink-2">
          {agents.map((agent) => (
            <li key={agent.agent}>
              <b className="text-ink">{agent.agent}</b>:{" "}
              {[
                agent.perDay !== null && agent.perDay !== undefined
                  ? `${formatUsd(agent.spentDayUsd)} of ${formatUsd(agent.perDay)} today`
                  : "",
                agent.perMonth !== null && agent.perMonth !== undefined
                  ? `${formatUsd(agent.spentMonthUsd)} of ${formatUsd(agent.perMonth)} this month`
                  : "",
              ]
                .filter(Boolean)
                .join(", ") || "a limit for each run"}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Meter(props: {
  readonly name: string;
  readonly spent: number;
  readonly limit: number | null | undefined;
}): ReactNode {
  const { name, spent, limit } = props;
  const limited = limit !== null && limit !== undefined;
  const share = limited && limit > 0 ? Math.min(1, spent / limit) : limited ? 1 : 0;
  return (
    <div className="px-4 py-3 grid content-start gap-1">
      <span className="text-ink-2 text-[12px]">{name}</span>
      <span>
        <b className="text-[19px] font-semibold tracking-[-0.02em]">{formatUsd(spent)}</b>{" "}
        <span className="text-ink-2">{limited ? `of ${formatUsd(limit)}` : "no limit"}</span>
      </span>
      {limited && (
        <span className="h-1.5 rounded-full bg-sunken overflow-hidden" aria-hidden="true">
          <span
            className={`block h-full ${share >= 1 ? "bg-failed" : share >= 0.8 ? "bg-warning" : "bg-accent"}`}
            style={{ width: `${share * 100}%` }}
          />
        </span>
      )}
    </div>
  );
}

function Form({ report, onClose }: { report: Report; onClose(): void }): ReactNode {
  const { api } = useHub();
  const client = useQueryClient();
  const [day, setDay] = useState(report.perDay === null ? "" : String(report.perDay ?? ""));
  const [month, setMonth] = useState(report.perMonth === null ? "" : String(report.perMonth ?? ""));
  const [saving, setSaving] = useState(false);
  const save = async () => {
    if (saving) return;
    setSaving(true);
    try {
      const limits = {
        perDay: day === "" ? null : Number(day),
        perMonth: month === "" ? null : Number(month),
        timezone: report.timezone,
        ...(report.notional === undefined ? {} : { notional: report.notional }),
      };
      await api.put("api/budgets", limits);
      await client.invalidateQueries({ queryKey: ["budgets"] });
      say("Budgets saved");
      onClose();
    } catch (error) {
      sayError(error);
    } finally {
      setSaving(false);
    }
  };
  return (
    <form
      className="box mt-2 p-4 flex flex-wrap items-end gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Amount label="USD a day, all agents" value={day} onChange={setDay} />
      <Amount label="USD a month, all agents" value={month} onChange={setMonth} />
      <span className="text-ink-2 basis-full sm:basis-auto">
        Empty is no limit. What runs and costs money is ended at once where a limit is exceeded.
      </span>
      <span className="ml-auto flex gap-2">
        <button type="button" className="cops-button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="cops-button cops-primary" disabled={saving}>
          Save
        </button>
      </span>
    </form>
  );
}

function Amount(props: { label: string; value: string; onChange(value: string): void }): ReactNode {
  return (
    <label className="grid gap-1">
      <span className="text-ink-2">{props.label}</span>
      <input
        type="number"
        min="0"
        step="any"
        className="text-input w-[16ch]"
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </label>
  );
}
