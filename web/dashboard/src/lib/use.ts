import type { AgentDefinition, ExecutionRecord } from "@claudeops/client";

/**
 * Agents in the order they are wanted: those that people started lately first, then the built-in check,
 * then by name. `records` are newest first.
 */
export function byUse(
  agents: readonly AgentDefinition[],
  records: readonly ExecutionRecord[],
): readonly AgentDefinition[] {
  const last = new Map<string, number>();
  records.forEach((record, i) => {
    if (PEOPLE.has(record.trigger.kind) && !last.has(record.agentType)) last.set(record.agentType, i);
  });
  const rank = (agent: AgentDefinition): number =>
    last.get(agent.name) ?? (agent.name === "system-health" ? 1e9 : 2e9);
  return [...agents].sort(
    (a, b) => rank(a) - rank(b) || (a.title || a.name).localeCompare(b.title || b.name),
  );
}

/** Who starts an agent because they want it now; schedules and hooks do not. */
const PEOPLE: ReadonlySet<string> = new Set(["page", "cli", "ws", "api", "continue"]);
