import type { ConnectionProblem } from "./errors.js";
import type { TransportName } from "./options.js";
import type { Limits, User } from "./protocol.gen.js";

/**
 * Where a connection stands.
 * - `connecting`: the first try is under way
 * - `open`: the server has greeted us
 * - `reconnecting`: it was lost, or could not be had; the next try is under way or waits for its time
 * - `failed`: it has given up; `retryNow()` starts over
 * - `closed`: `close()` was called
 */
export type ConnectionStatus = "connecting" | "open" | "reconnecting" | "failed" | "closed";

/** What is known of a connection at one moment. Never changed in place: a change is a new object. */
export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** What carries messages now, or is being tried; null when nothing is. */
  readonly transport: TransportName | null;
  /** Which try in a row this is: 0 when open or at the first one, n during or before the n-th retry. */
  readonly attempt: number;
  /** When the next try starts (milliseconds since the epoch); null when none is waited for. */
  readonly nextAttemptAt: number | null;
  /** There and back of the last ping, in milliseconds; null before the first. */
  readonly latencyMs: number | null;
  /**
   * How far the server's clock is ahead of this machine's, in milliseconds; null before it is known. What
   * the server dates is compared with `Date.now() + clockOffsetMs`.
   */
  readonly clockOffsetMs: number | null;
  /** Since when it is open (milliseconds since the epoch); null when it is not. */
  readonly openSince: number | null;
  /** When it was last known to be open (milliseconds since the epoch); null when it never was. */
  readonly lastOpenAt: number | null;
  readonly connectionId: string | null;
  /** Who the server says the caller is, and what it may do. */
  readonly user: User | null;
  readonly limits: Limits | null;
  /** What is wrong now; null when open. */
  readonly problem: ConnectionProblem | null;
  /** The last problems, newest last, ten at most. Kept when the connection recovers. */
  readonly history: readonly ConnectionProblem[];
}
