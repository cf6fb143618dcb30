import type { ExecutionRecord } from "@claudeops/client";
import { describe, expect, it } from "vitest";
import { trendOf } from "../src/lib/trend.ts";
import { byUse } from "../src/lib/use.ts";
import { lastErrorOf } from "../src/parts/last-error.tsx";

const run = (change: Partial<ExecutionRecord>): ExecutionRecord => ({
  executionId: "x",
  agentType: "a",
  status: "completed",
  terminal: true,
  head: 3,
  queuedAt: "2026-11-22T10:00:00Z",
  trigger: { kind: "page", user: "owner" },
  cost: 0,
  processesReaped: 0,
  ...change,
});

describe("trendOf", () => {
  it("gives the median without what was stopped, and the cost without what nobody is charged", () => {
    const runs = [
      run({ durationMs: 100, cost: 0.5 }),
      run({ durationMs: 300, status: "failed" }),
      run({ durationMs: 9000, status: "cancelled" }),
      run({ durationMs: 200, cost: 2, costNotional: true }),
    ];
    expect(trendOf(runs)).toEqual({ medianMs: 200, slowestMs: 9000, failed: 1, costUsd: 0.5 });
    expect(trendOf([])).toEqual({ medianMs: 0, slowestMs: 0, failed: 0, costUsd: 0 });
    expect(trendOf(runs.slice(0, 2)).medianMs).toBe(200);
  });
});

describe("byUse", () => {
  it("puts what people started lately first, then the health check, then by name", () => {
    const agents = ["zeta", "alpha", "system-health", "used", "nightly"].map((name) => ({ name }));
    const records = [
      run({ agentType: "nightly", trigger: { kind: "schedule", user: "" } }),
      run({ agentType: "used" }),
    ];
    expect(byUse(agents, records).map(({ name }) => name)).toEqual([
      "used",
      "system-health",
      "alpha",
      "nightly",
      "zeta",
    ]);
  });
});

describe("lastErrorOf", () => {
  const line = (seq: number, message: string, more: object = {}) =>
    ({
      type: "execution:log",
      executionId: "x",
      timestamp: "2026-11-22T10:00:00Z",
      level: "info",
      stream: "stdout",
      seq,
      message,
      ...more,
    }) as const;

  it("is the last line that is an error, else the last of standard error", () => {
    const stderr = { stream: "stderr" } as const;
    const events = [
      line(1, "bad", { level: "error" }),
      line(2, "noise", stderr),
      line(3, "  ", stderr),
      line(4, "ok"),
    ];
    expect(lastErrorOf(events)).toEqual({ seq: 1, text: "bad" });
    expect(lastErrorOf(events.slice(1))).toEqual({ seq: 2, text: "noise" });
    expect(lastErrorOf(events.slice(3))).toBeNull();
  });
});
