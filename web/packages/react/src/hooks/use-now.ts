"use client";

import { useSyncExternalStore } from "react";
import { useHub } from "../context.js";

/** Milliseconds since the epoch, by the second; stands still while `running` is false. 0 on a server. */
export function useNow(running = true): number {
  const { clock } = useHub();
  const now = useSyncExternalStore(running ? clock.subscribe : never, clock.get, zero);
  return now === 0 ? zeroOrNow() : now;
}

const never = () => () => {};
const zero = () => 0;
const zeroOrNow = () => (typeof window === "undefined" ? 0 : Date.now());
