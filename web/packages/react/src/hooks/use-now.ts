"use client";

import { useSyncExternalStore } from "react";
import { useHub } from "../context.js";

/** The server's time in milliseconds since the epoch, by the second; stands still while `running` is false. 0 on a server. */
export function useNow(running = true): number {
  const hub = useHub();
  const { clock } = hub;
  const now = useSyncExternalStore(running ? clock.subscribe : never, clock.get, zero);
  return now === 0 && typeof window !== "undefined" ? hub.serverNow() : now;
}

const never = () => () => {};
const zero = () => 0;
