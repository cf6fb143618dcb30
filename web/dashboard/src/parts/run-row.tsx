import type { AgentDefinition } from "@claudeops/client";
import { useExecutions } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { parametersOf } from "../lib/parameters.ts";
import { useRunner } from "../lib/run.tsx";
import { sayError } from "../lib/toasts.ts";
import { byUse } from "../lib/use.ts";
import { needsParameters } from "../lib/words.ts";

/** Agents offered at once; the rest is a page away. */
const OFFERED = 6;

/** Quick actions: one press runs an agent, or asks for what it needs first. */
export function RunRow({ agents }: { readonly agents: readonly AgentDefinition[] }): ReactNode {
  const { all } = useExecutions();
  const offered = useMemo(() => byUse(agents, all).slice(0, OFFERED), [agents, all]);
  return (
    <div className="flex flex-wrap gap-2">
      {offered.map((agent, index) => (
        <QuickAction key={agent.name} agent={agent} primary={index === 0 && agent.name === "system-health"} />
      ))}
      {agents.length > offered.length && (
        <Link to="/agents" className="cops-button px-3! py-1.5! text-ink-2!">
          All {agents.length} agents
        </Link>
      )}
    </div>
  );
}

function QuickAction({ agent, primary }: { agent: AgentDefinition; primary: boolean }): ReactNode {
  const runner = useRunner();
  const [starting, setStarting] = useState(false);
  const fields = parametersOf(agent.parameters);
  const asks = needsParameters(agent);
  const driver = agent.driver === "claude" ? "claude" : "";
  const hint = asks ? `${fields.length} ${fields.length === 1 ? "field" : "fields"}` : driver;
  const look = primary ? "cops-primary" : "";
  const run = async () => {
    setStarting(true);
    try {
      await runner.run(agent);
    } catch (error) {
      sayError(error);
    } finally {
      setStarting(false);
    }
  };
  return (
    <span className="inline-flex">
      <button
        type="button"
        className={`cops-button ${look} px-3! py-1.5! ${!asks && fields.length > 0 ? "rounded-r-none!" : ""}`}
        title={agent.description || undefined}
        disabled={starting}
        onClick={run}
      >
        {agent.title || agent.name}
        {hint && (
          <em className={`not-italic font-[450] ml-2 ${primary ? "opacity-80" : "text-ink-3"}`}>{hint}</em>
        )}
      </button>
      {!asks && fields.length > 0 && (
        <button
          type="button"
          className={`cops-button ${look} px-2! py-1.5! rounded-l-none! -ml-px ${primary ? "border-l-[color-mix(in_oklch,var(--cops-accent-ink)_35%,var(--cops-accent))]!" : "text-ink-3!"}`}
          aria-label={`${agent.title || agent.name} with parameters`}
          title="With parameters"
          onClick={() => void runner.run(agent, { ask: true })}
        >
          …
        </button>
      )}
    </span>
  );
}
