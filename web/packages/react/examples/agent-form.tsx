import type { AgentDefinition } from "@claudeops/client";
import { AgentForm, useAgentExecution } from "@claudeops/react";

/** Asks for an agent's parameters and runs it; what the server refuses stands beside its field. */
export function Run({ agent, onStarted }: { agent: AgentDefinition; onStarted(executionId: string): void }) {
  const { execute } = useAgentExecution();
  return (
    <AgentForm
      agent={agent}
      onSubmit={async (config) => {
        const { executionId } = await execute({ agentType: agent.name, config });
        onStarted(executionId);
      }}
    />
  );
}
