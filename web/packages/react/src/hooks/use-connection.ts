"use client";

import type { ConnectionState } from "@claudeops/client";
import { NOT_CONNECTED } from "@claudeops/model";
import { useCallback, useSyncExternalStore } from "react";
import { useHub } from "../context.js";

export interface UseConnection extends ConnectionState {
  /** Tries again now instead of waiting. */
  retryNow(): void;
}

/** How the connection stands: status, attempt, when the next try is, latency, since when. */
export function useConnection(): UseConnection {
  const hub = useHub();
  const state = useSyncExternalStore(hub.connectionState.subscribe, hub.connectionState.get, notConnected);
  const retryNow = useCallback(() => hub.connection.retryNow(), [hub]);
  return { ...state, retryNow };
}

const notConnected = () => NOT_CONNECTED;
