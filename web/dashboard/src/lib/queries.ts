import type { AgentDefinition, AgentList } from "@claudeops/client";
import { useConnection, useHub } from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";

/** The agents, and what is wrong with definitions. */
export function useAgents() {
  const { api } = useHub();
  return useQuery<AgentList>({
    queryKey: ["agents"],
    queryFn: ({ signal }) => api.agents.list({ signal }),
    // Definitions are reloaded by the server as their files change.
    refetchInterval: 15_000,
  });
}

/** Who is signed in. */
export interface Session {
  readonly id: string;
  readonly kind: string;
  readonly permissions: readonly string[];
  readonly version?: string;
  readonly expiresAt?: string;
}

export function useSession() {
  const { api } = useHub();
  return useQuery<Session>({
    queryKey: ["session"],
    queryFn: async ({ signal }) => (await api.get("api/session", { signal })) as Session,
    staleTime: 60_000,
  });
}

export function agentTitle(agents: readonly AgentDefinition[] | undefined, name: string): string {
  return agents?.find((agent) => agent.name === name)?.title || name;
}

/** Whether what is on the screen is old: there was a connection, and there is none. */
export function useStale(): true | undefined {
  const { status, lastOpenAt } = useConnection();
  return (status !== "open" && status !== "connecting" && lastOpenAt !== null) || undefined;
}
