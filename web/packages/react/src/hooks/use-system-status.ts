"use client";

import { NO_SYSTEM, type SystemState } from "@claudeops/model";
import { useSyncExternalStore } from "react";
import { useHub } from "../context.js";

/** The host's CPU, memory, disk and load, live, with a short past for charts. */
export function useSystemStatus(): SystemState {
  const { system } = useHub();
  return useSyncExternalStore(system.subscribe, system.get, nothing);
}

const nothing = () => NO_SYSTEM;
