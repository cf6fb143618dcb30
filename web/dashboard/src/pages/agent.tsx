import type { AgentDefinition } from "@claudeops/client";
import { AgentForm, formatBytes, formatDuration, formatUsd, useHub } from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useAgents } from "../lib/queries.ts";
import { useTitle } from "../lib/title.ts";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { RecordsTable } from "../parts/records-table.tsx";
import { Trends } from "../parts/trends.tsx";
import { Problems } from "./agents.tsx";

/** One agent: run it with its form, see what it is, and how it has done. */
export default function AgentPage(): ReactNode {
  const { name } = useParams({ from: "/agents/$name" });
  const agents = useAgents();
  const agent = agents.data?.agents.find((known) => known.name === name);
  useTitle(agent?.title || name);
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-4 pb-12 grid gap-5 content-start">
      <Link
        to="/agents"
        className="inline-flex items-center gap-1 text-ink-2 hover:text-ink justify-self-start"
      >
        <ChevronLeft size={16} aria-hidden="true" /> Agents
      </Link>
      {agent ? (
        <Agent agent={agent} />
      ) : agents.isPending ? (
        <Placeholder />
      ) : (
        <Notice title={`There is no agent ${name}`}>
          <p>Its definition may have been removed or renamed.</p>
        </Notice>
      )}
    </main>
  );
}

function Agent({ agent }: { agent: AgentDefinition }): ReactNode {
  const hub = useHub();
  const navigate = useNavigate();
  const agents = useAgents();
  const runs = useQuery({
    queryKey: ["executions", "of", agent.name],
    queryFn: ({ signal }) => hub.api.executions.list({ agentType: agent.name, limit: 50 }, { signal }),
    refetchInterval: 5000,
  });
  const problems = (agents.data?.problems ?? []).filter((problem) => problem.file === agent.file);
  return (
    <>
      <div>
        <h1 className="text-[20px] font-[650] tracking-[-0.015em]">{agent.title || agent.name}</h1>
        {agent.description && <p className="text-ink-2 max-w-[80ch] mt-1">{agent.description}</p>}
      </div>
      {problems.length > 0 && <Problems problems={problems} />}
      <div className="grid lg:grid-cols-[minmax(0,1fr)_360px] gap-6 items-start">
        <section className="grid gap-6 lg:order-2">
          <div className="box p-4">
            <div className="head-row">
              <h2>Run</h2>
            </div>
            <AgentForm
              key={agent.name}
              agent={agent}
              onSubmit={async (config) => {
                const { executionId } = await hub.connection.execute({ agentType: agent.name, config });
                await navigate({ to: "/executions/$id", params: { id: executionId } });
              }}
            />
          </div>
        </section>
        <div className="grid gap-6 min-w-0">
          <Trends records={runs.data?.executions ?? []} />
          <section>
            <div className="head-row">
              <h2>Last runs</h2>
              <Link
                to="/executions"
                search={{ agent: agent.name }}
                className="link ml-auto text-[12px] font-[550]"
              >
                All
              </Link>
            </div>
            {runs.isPending ? (
              <Placeholder rows={3} />
            ) : (runs.data?.executions.length ?? 0) > 0 ? (
              <RecordsTable
                records={(runs.data?.executions ?? []).slice(0, 15)}
                label={`Runs of ${agent.name}`}
              />
            ) : (
              <p className="text-ink-3">It has not been run yet.</p>
            )}
          </section>
          <section>
            <div className="head-row">
              <h2>Definition</h2>
            </div>
            <Definition agent={agent} />
          </section>
        </div>
      </div>
    </>
  );
}

function Definition({ agent }: { agent: AgentDefinition }): ReactNode {
  const text = (name: string): string => (typeof agent[name] === "string" ? (agent[name] as string) : "");
  const number = (name: string): number | undefined =>
    typeof agent[name] === "number" ? (agent[name] as number) : undefined;
  const runs = Array.isArray(agent.runs) ? (agent.runs as { label: string; text: string }[]) : [];
  const stop = agent.stop as { signal?: string; graceMs?: number } | undefined;
  const budget = agent.budget as { usd?: number } | undefined;
  const env = Array.isArray(agent.env) ? agent.env.map(String) : [];
  const rows: [string, ReactNode][] = [["Name", <code key="n">{agent.name}</code>]];
  rows.push(["Kind", text("driverTitle") || text("driver")]);
  for (const { label, text } of runs) rows.push([label, <code key={label}>{text}</code>]);
  if (text("workdir")) rows.push(["Folder", <code key="w">{text("workdir")}</code>]);
  if (env.length > 0) rows.push(["Environment", <code key="e">{env.join(" ")}</code>]);
  if (number("timeoutMs")) rows.push(["Timeout", formatDuration(number("timeoutMs") ?? 0)]);
  if (number("idleTimeoutMs"))
    rows.push(["Silence", `ended after ${formatDuration(number("idleTimeoutMs") ?? 0)}`]);
  if (stop?.signal)
    rows.push(["Stop", `${stop.signal}, then SIGKILL after ${formatDuration(stop.graceMs ?? 0)}`]);
  if (number("concurrency")) rows.push(["At once", String(number("concurrency"))]);
  if (number("maxOutput")) rows.push(["Output", `${formatBytes(number("maxOutput") ?? 0)} at most`]);
  if (budget?.usd) rows.push(["Budget", formatUsd(budget.usd)]);
  rows.push(["File", text("file") ? <code key="f">{text("file")}</code> : "built in"]);
  return (
    <dl className="box px-4 py-3 facts [&_code]:font-mono [&_code]:text-[12.5px] [&_code]:wrap-anywhere [&_code]:whitespace-pre-wrap">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
