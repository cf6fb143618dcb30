"use client";

import { type ExecutionsState, NO_EXECUTIONS } from "@claudeops/model";
import { useSyncExternalStore } from "react";
import { useHub } from "../context.js";

/** Every execution the caller may read, live: which run, which have ended, newest first. */
export function useExecutions(): ExecutionsState {
  const { executions } = useHub();
  return useSyncExternalStore(executions.subscribe, executions.get, nothing);
}

const nothing = () => NO_EXECUTIONS;
