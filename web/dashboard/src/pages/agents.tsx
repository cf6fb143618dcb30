import type { AgentDefinition, AgentProblem } from "@claudeops/client";
import { fieldsOf, formatPlural, useExecutions } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useAgents } from "../lib/queries.ts";
import { useRunner } from "../lib/run.tsx";
import { useTitle } from "../lib/title.ts";
import { sayError } from "../lib/toasts.ts";
import { Dots } from "../parts/dots.tsx";
import { Notice, Placeholder } from "../parts/notice.tsx";

export default function Agents(): ReactNode {
  useTitle("Agents");
  const agents = useAgents();
  const listed = agents.data?.agents ?? [];
  const problems = agents.data?.problems ?? [];
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid gap-[26px] content-start">
      <h1 className="sr-only">Agents</h1>
      {problems.length > 0 && <Problems problems={problems} />}
      {agents.isPending ? (
        <Placeholder rows={5} />
      ) : agents.isError && listed.length === 0 ? (
        <Notice title="The agents can't be read" tone="failed">
          <p>{agents.error.message}</p>
        </Notice>
      ) : (
        <section aria-labelledby="agents">
          <div className="head-row">
            <h2 id="agents">{formatPlural(listed.length, "agent")}</h2>
          </div>
          <div className="grid sm:grid-cols-2 gap-2.5">
            {listed.map((agent) => (
              <Card key={agent.name} agent={agent} />
            ))}
          </div>
          {listed.length <= 1 && (
            <p className="text-ink-2 mt-4 max-w-[70ch]">
              An agent is a small YAML file: a name, a command, its parameters. Put one into the directory
              that <code className="font-mono text-[12.5px]">claudeops serve --agents DIR</code> names; it
              appears here at once.
            </p>
          )}
        </section>
      )}
    </main>
  );
}

function Card({ agent }: { agent: AgentDefinition }): ReactNode {
  const runner = useRunner();
  const { all } = useExecutions();
  const runs = all.filter((record) => record.agentType === agent.name).slice(0, 12);
  const fields = fieldsOf(agent.parameters);
  return (
    <article className="box p-4 grid gap-2 content-start" data-row>
      <div className="flex items-start gap-3">
        <div className="min-w-0">
          <Link
            to="/agents/$name"
            params={{ name: agent.name }}
            data-open
            className="font-semibold hover:underline"
          >
            {agent.title || agent.name}
          </Link>
          <div className="font-mono text-[12px] text-ink-3">{agent.name}</div>
        </div>
        <button
          type="button"
          className="cops-button ml-auto"
          onClick={() => runner.run(agent, { go: true }).catch(sayError)}
        >
          Run
        </button>
      </div>
      {agent.description && <p className="text-ink-2 line-clamp-2">{agent.description}</p>}
      <div className="flex items-center gap-3 text-ink-3 text-[12px] min-h-[18px]">
        <span>{String(agent.driver ?? "")}</span>
        <span>{fields.length === 0 ? "no parameters" : formatPlural(fields.length, "parameter")}</span>
        <span className="ml-auto">
          <Dots records={runs} />
        </span>
      </div>
    </article>
  );
}

export function Problems({ problems }: { readonly problems: readonly AgentProblem[] }): ReactNode {
  return (
    <section aria-labelledby="problems">
      <div className="head-row">
        <h2 id="problems">{formatPlural(problems.length, "problem")} in definitions</h2>
      </div>
      <div className="box border-warning/50!">
        {problems.map((problem) => (
          <div
            key={`${problem.file}:${problem.line}:${problem.column}:${problem.message}`}
            className="px-4 py-2.5 border-t border-line first:border-t-0 grid gap-0.5"
          >
            <span className="font-mono text-[12.5px] wrap-anywhere">
              {problem.file}
              {problem.line ? `:${problem.line}` : ""}
              {problem.column ? `:${problem.column}` : ""}
              {problem.field && <span className="text-ink-3"> {problem.field}</span>}
            </span>
            <span className="text-ink-2">{problem.message}</span>
          </div>
        ))}
      </div>
      <p className="text-ink-3 mt-2">
        The last version that was right goes on being used. It is read again as soon as the file is saved.
      </p>
    </section>
  );
}
