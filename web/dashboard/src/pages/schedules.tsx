import type { RestSchemas } from "@claudeops/client";
import { formatPlural, formatWhen, useHub, useNow } from "@claudeops/react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useTitle } from "../lib/title.ts";
import { say, sayError } from "../lib/toasts.ts";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { type Day, daysOf, placeOf, tally, timeIn } from "../schedules/calendar.ts";

type Schedule = RestSchemas["Schedule"];
type Occurrence = RestSchemas["Occurrence"];

const DAY = 86_400_000;

/** When agents are started without a hand, and what came of it. */
export default function Schedules(): ReactNode {
  useTitle("Schedules");
  const { api } = useHub();
  const schedules = useQuery({
    queryKey: ["schedules"],
    queryFn: async ({ signal }) =>
      ((await api.get("api/schedules", { signal })) as { schedules: readonly Schedule[] }).schedules,
    refetchInterval: 10_000,
  });
  const list = schedules.data ?? [];
  return (
    <main
      id="main"
      className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid grid-cols-[minmax(0,1fr)] gap-[26px] content-start"
    >
      <h1 className="sr-only">Schedules</h1>
      {schedules.error ? (
        <Notice title="The schedules can't be had" tone="failed">
          <p>{schedules.error.message}</p>
        </Notice>
      ) : schedules.isPending ? (
        <Placeholder rows={4} />
      ) : list.length === 0 ? (
        <Notice title="No agent has a schedule">
          <p>
            Add one to a definition:{" "}
            <code>
              schedule: [{"{"}cron: "30 2 * * 1-5", timezone: Europe/Berlin{"}"}]
            </code>
          </p>
        </Notice>
      ) : (
        <>
          <section aria-labelledby="schedules">
            <div className="head-row">
              <h2 id="schedules">{formatPlural(list.length, "schedule")}</h2>
            </div>
            <div className="box">
              {list.map((schedule) => (
                <Row key={`${schedule.agent}/${schedule.n}`} schedule={schedule} />
              ))}
            </div>
          </section>
          <Calendar schedules={list} />
        </>
      )}
    </main>
  );
}

function Row({ schedule }: { readonly schedule: Schedule }): ReactNode {
  const { api } = useHub();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const now = useNow();
  const [busy, setBusy] = useState(false);
  const path = `api/schedules/${encodeURIComponent(schedule.agent)}/${schedule.n}`;
  const act = async (action: "pause" | "resume" | "run") => {
    setBusy(true);
    try {
      const answer = await api.post(`${path}/${action}`);
      if (action === "run") {
        const { executionId } = answer as { executionId: string };
        await navigate({ to: "/executions/$id", params: { id: executionId } });
      } else say(`${schedule.agent} ${action === "pause" ? "paused" : "resumed"}`);
      await queries.invalidateQueries({ queryKey: ["schedules"] });
      await queries.invalidateQueries({ queryKey: ["occurrences"] });
    } catch (error) {
      sayError(error);
    } finally {
      setBusy(false);
    }
  };
  const elsewhere = timeIn(schedule.next[0] ?? "", schedule.timezone) !== timeIn(schedule.next[0] ?? "", "");
  const resting = schedule.paused || !schedule.enabled;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] md:grid-cols-[minmax(0,1.2fr)_minmax(0,1fr)_auto] gap-x-6 gap-y-2 px-4 py-3 border-t border-line first:border-t-0">
      <div className="grid gap-0.5 content-start min-w-0">
        <span className="flex flex-wrap items-baseline gap-x-2">
          <Link to="/agents/$name" params={{ name: schedule.agent }} className="font-[550] hover:underline">
            {schedule.agent}
          </Link>
          {schedule.paused && <span className="text-warning">paused by {schedule.pausedBy}</span>}
          {!schedule.enabled && <span className="text-ink-3">not enabled</span>}
        </span>
        <span className={resting ? "text-ink-3" : ""}>
          {schedule.text}, {placeOf(schedule.timezone)}
        </span>
        <span className="font-mono text-[12.5px] text-ink-3 wrap-anywhere">
          {schedule.cron} · {schedule.timezone} · missed: {schedule.missed} · overlap: {schedule.overlap}
        </span>
        {schedule.error && <span className="text-failed">It is tried again: {schedule.error}</span>}
        {schedule.last && (
          <span>
            Last: <Came occurrence={schedule.last} timezone={schedule.timezone} />
          </span>
        )}
      </div>
      <div className="grid content-start gap-0.5 text-ink-2">
        {resting ? (
          <span className="text-ink-3">Nothing is due.</span>
        ) : (
          <ol aria-label="Next" className="grid gap-0.5 tabular-nums">
            {schedule.next.slice(0, 5).map((at, i) => (
              <li key={at} className={i === 0 ? "text-ink" : ""}>
                {timeIn(at, schedule.timezone)}
                {i === 0 && elsewhere && (
                  <span className="text-ink-3"> ({formatWhen(Date.parse(at), now)} your time)</span>
                )}
              </li>
            ))}
          </ol>
        )}
      </div>
      <div className="flex items-start gap-2">
        <button type="button" className="cops-button" disabled={busy} onClick={() => void act("run")}>
          Run now
        </button>
        <button
          type="button"
          className="cops-button"
          disabled={busy || !schedule.enabled}
          onClick={() => void act(schedule.paused ? "resume" : "pause")}
        >
          {schedule.paused ? "Resume" : "Pause"}
        </button>
      </div>
    </div>
  );
}

const OUTCOMES: Readonly<Record<Occurrence["outcome"], string>> = {
  started: "started",
  skipped: "skipped",
  waiting: "waits",
  due: "due",
};

function Came({
  occurrence,
  timezone,
}: {
  readonly occurrence: Occurrence;
  readonly timezone: string;
}): ReactNode {
  return (
    <span className="text-ink-2">
      {timeIn(occurrence.due, timezone)} {OUTCOMES[occurrence.outcome]}
      {(occurrence.count ?? 1) > 1 && ` (${formatPlural(occurrence.count ?? 1, "time")})`}
      {occurrence.reason && <span className="text-ink-3">: {occurrence.reason}</span>}
      {occurrence.executionId && (
        <>
          {" "}
          <Link
            to="/executions/$id"
            params={{ id: occurrence.executionId }}
            className="font-mono text-[12.5px] text-accent"
          >
            {occurrence.executionId.slice(0, 8)}…
          </Link>
        </>
      )}
    </span>
  );
}

/** A week back and a week on: what was due each day and what came of it. */
function Calendar({ schedules }: { readonly schedules: readonly Schedule[] }): ReactNode {
  const { api } = useHub();
  const now = useNow();
  const [chosen, setChosen] = useState<string | null>(null);
  const days = daysOf(now);
  const from = days[0]?.begin ?? now;
  const to = (days.at(-1)?.begin ?? now) + DAY;
  const occurrences = useQuery({
    queryKey: ["occurrences", from],
    queryFn: async ({ signal }) => {
      const span = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
      const body = await api.get(`api/schedules/occurrences?${span}`, { signal });
      return (body as { occurrences: readonly Occurrence[] }).occurrences;
    },
    refetchInterval: 30_000,
  });
  const cells = tally(occurrences.data ?? [], days);
  const shown = (occurrences.data ?? []).filter(
    (one) => chosen === `${one.agent}/${one.n} ${dayOf(days, one)}`,
  );
  return (
    <section aria-labelledby="calendar">
      <div className="head-row">
        <h2 id="calendar">Calendar</h2>
        <span className="text-ink-3">● started ▲ skipped ◌ waits ○ due</span>
      </div>
      {occurrences.error ? (
        <p className="text-failed">{occurrences.error.message}</p>
      ) : (
        <div className="box overflow-x-auto">
          <table className="w-full text-[12.5px] tabular-nums">
            <thead>
              <tr>
                <th scope="col" className="text-left px-3 py-2 font-[550]">
                  Schedule
                </th>
                {days.map((day) => (
                  <th
                    key={day.key}
                    scope="col"
                    className={`px-1 py-2 font-[450] ${day.today ? "text-accent" : "text-ink-3"}`}
                  >
                    {day.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {schedules.map((schedule) => {
                const key = `${schedule.agent}/${schedule.n}`;
                return (
                  <tr key={key} className="border-t border-line">
                    <th scope="row" className="text-left px-3 py-1.5 font-[450] whitespace-nowrap">
                      {key}
                    </th>
                    {days.map((day) => {
                      const place = `${key} ${day.key}`;
                      const marks = cells.get(place);
                      return (
                        <td key={day.key} className="px-0.5 text-center">
                          {marks && (
                            <button
                              type="button"
                              className="px-1 py-0.5 rounded hover:bg-hover aria-pressed:bg-sunken"
                              aria-pressed={chosen === place}
                              aria-label={`${key}, ${day.name}: ${marks.words}`}
                              title={marks.words}
                              onClick={() => setChosen(chosen === place ? null : place)}
                            >
                              {marks.text}
                            </button>
                          )}
                        </td>
                      );
                    })}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {shown.length > 0 && (
        <ul className="mt-3 grid gap-1">
          {shown.slice(0, 200).map((one) => (
            <li key={`${one.due} ${one.outcome}`}>
              <Came
                occurrence={one}
                timezone={schedules.find((s) => s.agent === one.agent && s.n === one.n)?.timezone ?? "UTC"}
              />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function dayOf(days: readonly Day[], one: Occurrence): string | undefined {
  const at = Date.parse(one.due);
  return days.find((day) => at >= day.begin && at < day.end)?.key;
}
