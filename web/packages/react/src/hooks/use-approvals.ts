"use client";

import type { AgentInput, ExecutionRecord, PendingApproval } from "@claudeops/client";
import { useCallback, useMemo } from "react";
import { useHub } from "../context.js";
import { useExecutions } from "./use-executions.js";

/** Something an agent waits for, and the execution it belongs to. */
export interface Approval {
  readonly record: ExecutionRecord;
  readonly approval: PendingApproval;
}

export interface UseApprovals {
  /** What waits for an answer now, oldest first. */
  readonly approvals: readonly Approval[];
  /** Answers one. Rejects when the server refuses: somebody else was first, or it is no longer asked. */
  answer(executionId: string, requestId: string, answer: Omit<AgentInput, "requestId">): Promise<void>;
}

/** What agents ask for and nobody has answered, live; of one execution, or of all. */
export function useApprovals(executionId?: string): UseApprovals {
  const hub = useHub();
  const { active } = useExecutions();
  const approvals = useMemo(
    () =>
      active
        .filter((record) => executionId === undefined || record.executionId === executionId)
        .flatMap((record) => (record.pendingApprovals ?? []).map((approval) => ({ record, approval })))
        .sort((a, b) => Date.parse(a.approval.askedAt) - Date.parse(b.approval.askedAt)),
    [active, executionId],
  );
  const answer = useCallback(
    async (id: string, requestId: string, input: Omit<AgentInput, "requestId">) => {
      await hub.connection.input(id, { requestId, ...input });
    },
    [hub],
  );
  return { approvals, answer };
}
