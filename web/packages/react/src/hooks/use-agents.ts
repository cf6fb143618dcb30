"use client";

import type { AgentDefinition, AgentProblem } from "@claudeops/client";
import { useCallback, useEffect, useState } from "react";
import { useHub } from "../context.js";

export interface UseAgents {
  readonly agents: readonly AgentDefinition[];
  /** What is wrong with definitions. */
  readonly problems: readonly AgentProblem[];
  readonly loading: boolean;
  readonly error: Error | null;
  /** Asks the server again: definitions are reloaded there as their files change. */
  refresh(): void;
}

const NOTHING = { agents: [], problems: [], loading: true, error: null } as const;

/** The agents that can be run. */
export function useAgents(): UseAgents {
  const hub = useHub();
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<Omit<UseAgents, "refresh">>(NOTHING);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn asks again
  useEffect(() => {
    const controller = new AbortController();
    hub.api.agents.list({ signal: controller.signal }).then(
      ({ agents, problems }) => setState({ agents, problems, loading: false, error: null }),
      (cause: unknown) => {
        if (controller.signal.aborted) return;
        const error = cause instanceof Error ? cause : new Error(String(cause));
        setState((before) => ({ ...before, loading: false, error }));
      },
    );
    return () => controller.abort();
  }, [hub, turn]);
  const refresh = useCallback(() => setTurn((n) => n + 1), []);
  return { ...state, refresh };
}
