import type { ExecutionRecord } from "@claudeops/client";
import { formatPlural, useApprovals, useExecutions } from "@claudeops/react";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { useHeld } from "../lib/held.ts";
import { part } from "../lib/part.tsx";
import { useAgents, useStale } from "../lib/queries.ts";
import { useRunner } from "../lib/run.tsx";
import { useTitle } from "../lib/title.ts";
import { sayError } from "../lib/toasts.ts";
import { byEnd, toneOf } from "../lib/words.ts";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { RecordsTable } from "../parts/records-table.tsx";
import { RunRow } from "../parts/run-row.tsx";
import { RunningCard } from "../parts/running-card.tsx";
import { SystemStrip } from "../parts/system-strip.tsx";

/** Runs that show several of their last lines; the others show one. */
const TALL = 4;
const RECENT = 12;

const ApprovalList = part(() => import("../parts/approval-list.tsx"), { name: "The approvals" });

export function Overview(): ReactNode {
  const agents = useAgents();
  const { active, all, ready } = useExecutions();
  const { approvals: waiting } = useApprovals();
  useTitle(active.length > 0 ? `${active.length} running` : "");
  // What waits comes after what runs.
  const running = useMemo(
    () => [
      ...active.filter((record) => record.status !== "queued"),
      ...active.filter((record) => record.status === "queued"),
    ],
    [active],
  );
  const ended = useMemo(() => all.filter((record) => record.terminal).sort(byEnd), [all]);
  const listed = agents.data?.agents ?? [];
  const problems = agents.data?.problems ?? [];
  const first = ready && all.length === 0;
  return (
    <main
      id="main"
      className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid gap-[26px] content-start"
      data-stale={useStale()}
    >
      <h1 className="sr-only">Overview</h1>
      <SystemStrip />
      {waiting.length > 0 && (
        <section aria-labelledby="waiting">
          <div className="head-row">
            <h2 id="waiting">Waiting for you</h2>
          </div>
          <div className="grid gap-2.5">
            <ApprovalList />
          </div>
        </section>
      )}
      {first ? (
        <Welcome />
      ) : (
        <section aria-labelledby="run">
          <div className="head-row">
            <h2 id="run">Run</h2>
            {problems.length > 0 && (
              <Link to="/agents" className="ml-auto text-warning hover:underline">
                {formatPlural(problems.length, "problem")} in definitions
              </Link>
            )}
          </div>
          {agents.isPending ? (
            <div className="h-[34px]" />
          ) : agents.isError ? (
            <p className="text-failed">{agents.error.message}</p>
          ) : (
            <RunRow agents={listed} />
          )}
        </section>
      )}
      {first && listed.length > 1 && (
        <section aria-labelledby="run">
          <div className="head-row">
            <h2 id="run">Or run something else</h2>
          </div>
          <RunRow agents={listed.filter((agent) => agent.name !== "system-health")} />
        </section>
      )}
      {active.length > 0 && (
        <section aria-labelledby="running">
          <div className="head-row">
            <h2 id="running">Running</h2>
            <span className="ml-auto text-ink-2 text-[12px]">every line, live</span>
          </div>
          <div className="grid gap-2.5">
            {running.map((record, index) => (
              <RunningCard key={record.executionId} record={record} lines={index < TALL ? 5 : 1} />
            ))}
          </div>
        </section>
      )}
      {!ready ? <Placeholder /> : ended.length > 0 ? <Recent records={ended} /> : null}
    </main>
  );
}

function Recent({ records }: { records: readonly ExecutionRecord[] }): ReactNode {
  const [state, setState] = useState("");
  const [agent, setAgent] = useState("");
  const names = useMemo(() => [...new Set(records.map((record) => record.agentType))].sort(), [records]);
  const recent = records
    .filter(
      (record) => (state === "" || toneOf(record) === state) && (agent === "" || record.agentType === agent),
    )
    .slice(0, RECENT);
  const { shown, waiting, release, pointer } = useHeld(recent);
  return (
    <section aria-labelledby="recent">
      <div className="head-row">
        <h2 id="recent">Recent</h2>
        <span className="ml-auto flex items-baseline gap-2 text-[12px]">
          {waiting > 0 && (
            <button type="button" className="link font-[550]" onClick={release}>
              {formatPlural(waiting, "change")}, show
            </button>
          )}
          <Filter
            label="State"
            value={state}
            values={["completed", "warning", "critical", "failed", "cancelled"]}
            onChange={setState}
          />
          <Filter label="Agent" value={agent} values={names} onChange={setAgent} />
          <Link to="/executions" className="link font-[550]">
            All
          </Link>
        </span>
      </div>
      {shown.length > 0 ? (
        <RecordsTable records={shown} label="Recent runs" pointer={pointer} />
      ) : (
        <Notice title="No recent runs match">
          <p>
            <Link to="/executions" className="link">
              History
            </Link>{" "}
            holds everything.
          </p>
        </Notice>
      )}
    </section>
  );
}

function Filter(props: {
  label: string;
  value: string;
  values: readonly string[];
  onChange(value: string): void;
}): ReactNode {
  return (
    <select
      className="quiet-select"
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value)}
    >
      <option value="">{props.label}: all ▾</option>
      {props.values.map((value) => (
        <option key={value} value={value}>
          {value} ▾
        </option>
      ))}
    </select>
  );
}

/** The first thing somebody sees: one button, and the report is the welcome. */
function Welcome(): ReactNode {
  const agents = useAgents();
  const runner = useRunner();
  const navigate = useNavigate();
  const [starting, setStarting] = useState(false);
  const check = agents.data?.agents.find((agent) => agent.name === "system-health");
  return (
    <Notice
      title="Nothing has run here yet"
      actions={
        check ? (
          <button
            type="button"
            className="cops-button cops-primary px-4! py-2!"
            disabled={starting}
            onClick={() => {
              setStarting(true);
              runner
                .run(check, { go: true })
                .catch(sayError)
                .finally(() => setStarting(false));
            }}
          >
            {starting ? "Starting…" : "Check this machine"}
          </button>
        ) : (
          <button type="button" className="cops-button" onClick={() => void navigate({ to: "/agents" })}>
            See the agents
          </button>
        )
      }
    >
      <p>
        A health check takes a few seconds: CPU, memory, disks, processes, network. You watch every step, and
        it ends with a report.
      </p>
    </Notice>
  );
}
