"use client";

import { type ExecutionState, NO_EXECUTION } from "@claudeops/model";
import { useCallback, useSyncExternalStore } from "react";
import { useHub } from "../context.js";

export interface UseExecution extends ExecutionState {
  /** Asks for it to be stopped. Shown as cancelling at once; rejects when the server refuses. */
  cancel(reason?: string): Promise<void>;
  /** Asks the server for the record again. */
  refresh(): Promise<void>;
}

/** One execution's record, live. */
export function useExecution(executionId: string): UseExecution {
  const hub = useHub();
  const store = hub.execution(executionId);
  const state = useSyncExternalStore(store.subscribe, store.get, nothing);
  const cancel = useCallback((reason?: string) => hub.cancel(executionId, reason), [hub, executionId]);
  const refresh = useCallback(() => store.refresh(), [store]);
  return { ...state, cancel, refresh };
}

const nothing = () => NO_EXECUTION;
