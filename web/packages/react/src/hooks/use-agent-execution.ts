"use client";

import type { ExecuteRequest, ExecuteResult, ExecutionRecord } from "@claudeops/client";
import { useCallback, useRef, useState } from "react";
import { useHub } from "../context.js";
import { useExecutions } from "./use-executions.js";

export interface UseAgentExecution {
  /** Starts an agent; resolves when the server has written it down. */
  execute(request: ExecuteRequest): Promise<ExecuteResult>;
  /** Asks for an execution to be stopped. */
  cancel(executionId: string, reason?: string): Promise<void>;
  /** Those that have not ended. */
  readonly activeExecutions: readonly ExecutionRecord[];
  /** A start is under way. */
  readonly isExecuting: boolean;
  /** Why the last start failed. */
  readonly error: Error | null;
}

/** Starts and stops agents. */
export function useAgentExecution(): UseAgentExecution {
  const hub = useHub();
  const { active } = useExecutions();
  const [pending, setPending] = useState(0);
  const [error, setError] = useState<Error | null>(null);
  const last = useRef(0);

  const execute = useCallback(
    async (request: ExecuteRequest) => {
      const turn = ++last.current;
      setPending((n) => n + 1);
      setError(null);
      try {
        return await hub.connection.execute(request);
      } catch (cause) {
        if (turn === last.current) setError(cause instanceof Error ? cause : new Error(String(cause)));
        throw cause;
      } finally {
        setPending((n) => n - 1);
      }
    },
    [hub],
  );
  const cancel = useCallback(
    (executionId: string, reason?: string) => hub.cancel(executionId, reason),
    [hub],
  );
  return { execute, cancel, activeExecutions: active, isExecuting: pending > 0, error };
}
