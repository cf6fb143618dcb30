import type { ExecutionRecord } from "@claudeops/client";

/** What some runs of an agent have in common. */
export interface Trend {
  /** Half of them took no longer. */
  readonly medianMs: number;
  readonly slowestMs: number;
  readonly failed: number;
  /** What was charged; what a subscription pays for is left out. */
  readonly costUsd: number;
}

/** Sums up runs that have ended. Runs that were stopped say nothing about how long one takes. */
export function trendOf(records: readonly ExecutionRecord[]): Trend {
  const times = records
    .filter((record) => record.status !== "cancelled")
    .map((record) => record.durationMs ?? 0)
    .sort((a, b) => a - b);
  const middle = Math.floor(times.length / 2);
  const median =
    times.length % 2 === 1 ? times[middle] : ((times[middle - 1] ?? 0) + (times[middle] ?? 0)) / 2;
  return {
    medianMs: median ?? 0,
    slowestMs: Math.max(0, ...records.map((record) => record.durationMs ?? 0)),
    failed: records.filter((record) => record.status === "failed").length,
    costUsd: records.reduce((sum, record) => sum + (record.costNotional ? 0 : record.cost), 0),
  };
}
