import type { ReconnectOptions } from "./options.js";

/**
 * How long to wait before the n-th retry (1 is the first): a random time below a bound that doubles
 * with each. The full spread keeps thousands of clients that were dropped together from coming back
 * together.
 */
export function backoffMs(
  retry: number,
  { baseMs, maxMs }: Pick<ReconnectOptions, "baseMs" | "maxMs">,
): number {
  return Math.random() * Math.min(maxMs, baseMs * 2 ** Math.min(retry - 1, 30));
}
