"use client";

import type { AgentDefinition, ExecutionRecord } from "@claudeops/client";
import { fieldsOf, formatWhen } from "@claudeops/model";
import { type CSSProperties, type ReactNode, useRef, useState } from "react";
import { useHub } from "../context.js";
import { useAgentExecution } from "../hooks/use-agent-execution.js";
import { useAgents } from "../hooks/use-agents.js";
import { useExecutions } from "../hooks/use-executions.js";
import { AgentForm } from "./agent-form.js";
import { ConnectionIndicator } from "./connection-indicator.js";
import { Elapsed, ExecutionControl, StopButton } from "./execution-control.js";
import { LogViewer } from "./log-viewer.js";
import { StatusBadge } from "./status-badge.js";

export interface AgentDashboardProps {
  /** The agents to offer, by name. Default: all that the caller may run. */
  readonly agents?: readonly string[];
  /** The run to show at first. */
  readonly defaultExecutionId?: string;
  /** Called with the run that is shown, and null when none is. */
  onExecution?(executionId: string | null): void;
  /** Called when signing in is what helps. */
  onSignIn?(): void;
  /** How many ended runs are listed. Default 20. */
  readonly recent?: number;
  readonly height?: number | string;
  readonly style?: CSSProperties;
  readonly className?: string;
}

/**
 * All of it in one: run agents, see what runs and what has run, follow a log, stop it.
 *
 * ```tsx
 * <ClaudeOpsProvider url="https://ops.example.com">
 *   <AgentDashboard height={640} />
 * </ClaudeOpsProvider>
 * ```
 */
export function AgentDashboard({
  agents: offered,
  defaultExecutionId,
  onExecution,
  onSignIn,
  recent = 20,
  height,
  style,
  className,
}: AgentDashboardProps): ReactNode {
  const { agents, loading, error } = useAgents();
  const { active, all, ready } = useExecutions();
  const runner = useAgentExecution();
  const [shown, setShown] = useState(defaultExecutionId ?? null);
  const [asked, setAsked] = useState<AgentDefinition | null>(null);
  const starting = useRef(false);

  const show = (executionId: string | null) => {
    setShown(executionId);
    onExecution?.(executionId);
  };
  const start = async (agent: AgentDefinition, config: Readonly<Record<string, unknown>>) => {
    // A double click starts one run.
    if (starting.current) return;
    starting.current = true;
    try {
      const { executionId } = await runner.execute({ agentType: agent.name, config });
      setAsked(null);
      show(executionId);
    } finally {
      starting.current = false;
    }
  };
  const press = (agent: AgentDefinition) => {
    if (needsAnswers(agent)) setAsked(agent);
    // A refusal is shown from the hook's error.
    else start(agent, {}).catch(() => {});
  };
  const listed = offered ? agents.filter((agent) => offered.includes(agent.name)) : agents;
  const ended = all.filter((record) => record.terminal).slice(0, recent);
  const problem = error ?? (asked ? null : runner.error);
  return (
    <section
      translate="no"
      className={`cops-dashboard${className ? ` ${className}` : ""}`}
      style={height === undefined ? style : { height, ...style }}
      aria-label="Agents"
    >
      <div className="cops-dashboard-side">
        <ConnectionIndicator {...(onSignIn ? { onSignIn } : {})} />
        <h3 className="cops-heading">Run</h3>
        {problem && (
          <p className="cops-error" role="alert">
            {problem.message}
          </p>
        )}
        <div className="cops-dashboard-run">
          {loading && <span className="cops-dim">Loading…</span>}
          {!loading && !error && listed.length === 0 && <span className="cops-dim">No agents to run.</span>}
          {listed.map((agent) => (
            <button
              key={agent.name}
              type="button"
              className="cops-button"
              title={agent.description}
              aria-pressed={asked?.name === agent.name || undefined}
              disabled={runner.isExecuting}
              onClick={() => press(agent)}
            >
              {agent.title || agent.name}
            </button>
          ))}
        </div>
        <Runs name="Running" records={active} shown={shown} onShow={show} />
        <Runs name="Recent" records={ended} shown={shown} onShow={show} />
        {ready && all.length === 0 && <p className="cops-dim">Nothing has run yet.</p>}
      </div>
      <div className="cops-dashboard-main">
        {asked ? (
          <div className="cops-dashboard-form">
            <h3 className="cops-heading">{asked.title || asked.name}</h3>
            <AgentForm
              key={asked.name}
              agent={asked}
              onSubmit={(config) => start(asked, config)}
              onCancel={() => setAsked(null)}
            />
          </div>
        ) : shown ? (
          <>
            <div className="cops-dashboard-head">
              <ExecutionControl executionId={shown} />
            </div>
            <LogViewer executionId={shown} />
          </>
        ) : (
          <p className="cops-empty">Run an agent, or choose a run to see its log.</p>
        )}
      </div>
    </section>
  );
}

function Runs(props: {
  readonly name: string;
  readonly records: readonly ExecutionRecord[];
  readonly shown: string | null;
  onShow(executionId: string): void;
}): ReactNode {
  const { serverNow } = useHub();
  if (props.records.length === 0) return null;
  return (
    <>
      <h3 className="cops-heading">{props.name}</h3>
      <ul className="cops-runs">
        {props.records.map((record) => (
          <li key={record.executionId} data-shown={record.executionId === props.shown || undefined}>
            <button
              type="button"
              className="cops-run"
              aria-current={record.executionId === props.shown || undefined}
              onClick={() => props.onShow(record.executionId)}
            >
              <StatusBadge status={record.status}>{record.agentType}</StatusBadge>
              <span className="cops-dim">
                {record.terminal ? (
                  formatWhen(Date.parse(record.endedAt ?? record.queuedAt), serverNow())
                ) : (
                  <Elapsed record={record} />
                )}
              </span>
            </button>
            <StopButton record={record} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** Whether a field has to be filled in before the agent can run. */
function needsAnswers(agent: AgentDefinition): boolean {
  return fieldsOf(agent.parameters).some((field) => field.required && field.fallback === undefined);
}
