"use client";

import type { ConnectionState } from "@claudeops/client";
import { NOT_CONNECTED } from "@claudeops/model";
import { useCallback, useSyncExternalStore } from "react";
import { useHub } from "../context.js";

export interface UseConnection extends ConnectionState {
  /** Tries again now instead of waiting; opens a connection that was closed. */
  retryNow(): void;
  /** Closes the connection for everything below the provider, until `retryNow()`. */
  close(): void;
  /** Pings the server now and gives the milliseconds until its answer. */
  measureLatency(): Promise<number>;
}

/** How the connection stands: status, attempt, when the next try is, latency, since when. */
export function useConnection(): UseConnection {
  const hub = useHub();
  const state = useSyncExternalStore(hub.connectionState.subscribe, hub.connectionState.get, notConnected);
  const retryNow = useCallback(() => hub.connection.retryNow(), [hub]);
  const close = useCallback(() => hub.connection.close(), [hub]);
  const measureLatency = useCallback(() => hub.connection.measureLatency(), [hub]);
  return { ...state, retryNow, close, measureLatency };
}

const notConnected = () => NOT_CONNECTED;
