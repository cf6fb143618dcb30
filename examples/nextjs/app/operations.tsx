"use client";

import {
  AgentForm,
  ConnectionIndicator,
  Elapsed,
  LogViewer,
  StatusBadge,
  StopButton,
  useAgentExecution,
  useExecutions,
  useHub,
} from "@claudeops/react";
import type { AgentDefinition } from "@claudeops/client";
import { useEffect, useState } from "react";

/** A quick action, what runs, and the log of the one that was chosen. */
export function Operations({ title }: { title: string }) {
  const { execute, activeExecutions, isExecuting, error } = useAgentExecution();
  const { all } = useExecutions();
  const [chosen, setChosen] = useState<string | null>(null);
  const [asking, setAsking] = useState<AgentDefinition | null>(null);
  const agents = useAgents();

  const run = async (agentType: string, config: Record<string, unknown> = {}) => {
    const { executionId } = await execute({ agentType, config });
    setChosen(executionId);
    setAsking(null);
  };
  const ended = all.filter((record) => record.terminal).slice(0, 5);
  return (
    <main>
      <header>
        <h1>{title}</h1>
        <ConnectionIndicator />
      </header>

      <section aria-label="Quick actions" className="actions">
        <button type="button" className="cops-button cops-primary" disabled={isExecuting} onClick={() => run("system-health")}>
          Check this machine
        </button>
        {agents
          .filter((agent) => agent.name !== "system-health")
          .map((agent) => (
            <button type="button" className="cops-button" key={agent.name} onClick={() => setAsking(agent)}>
              {agent.title || agent.name}…
            </button>
          ))}
      </section>
      {error && <p role="alert">{error.message}</p>}
      {asking && (
        <section aria-label={asking.title} className="form">
          <AgentForm key={asking.name} agent={asking} onSubmit={(config) => run(asking.name, config)} onCancel={() => setAsking(null)} />
        </section>
      )}

      <section aria-label="Active executions">
        <h2>Running</h2>
        {activeExecutions.length === 0 && <p>Nothing runs.</p>}
        <ul>
          {activeExecutions.map((record) => (
            <li key={record.executionId}>
              <StatusBadge status={record.status} detail={<Elapsed record={record} />} />
              <button type="button" className="link" onClick={() => setChosen(record.executionId)}>
                {record.agentType}
              </button>
              <StopButton record={record} />
            </li>
          ))}
        </ul>
      </section>

      {ended.length > 0 && (
        <section aria-label="Recent">
          <h2>Recent</h2>
          <ul>
            {ended.map((record) => (
              <li key={record.executionId}>
                <StatusBadge status={record.status} />
                <button type="button" className="link" onClick={() => setChosen(record.executionId)}>
                  {record.agentType}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}

      {chosen && (
        <section aria-label="Log" className="log">
          <LogViewer executionId={chosen} downloadUrl={null} />
        </section>
      )}
    </main>
  );
}

function useAgents(): readonly AgentDefinition[] {
  const hub = useHub();
  const [agents, setAgents] = useState<readonly AgentDefinition[]>([]);
  useEffect(() => {
    const controller = new AbortController();
    hub.api.agents
      .list({ signal: controller.signal })
      .then((list) => setAgents(list.agents))
      .catch(() => {
        // The quick action needs no list; the connection's chip says what is wrong.
      });
    return () => controller.abort();
  }, [hub]);
  return agents;
}
