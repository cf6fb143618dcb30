import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatRowTime,
  formatShort,
  formatUsd,
} from "../src/format.js";
import { describeEvent } from "../src/log/describe.js";
import { formatLineHash, parseLineHash, parseLineInput } from "../src/log/permalink.js";

test.each([
  [240, "240 ms"],
  [3100, "3.1 s"],
  [41_000, "41 s"],
  [59_600, "0:59"],
  [362_000, "6:02"],
  [3_723_000, "1:02:03"],
  [187_200_000, "2 d 4 h"],
  [Number.NaN, "–"],
])("formatDuration(%d) is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("clocks, sizes, money, counts", () => {
  expect(formatClock(7_400)).toBe("0:07");
  expect(formatBytes(812)).toBe("812 B");
  expect(formatBytes(42_200)).toBe("41.2 KiB");
  expect(formatBytes(1_395_864_371)).toBe("1.3 GiB");
  expect(formatUsd(0.18)).toBe("$0.18");
  expect(formatUsd(0.0042)).toBe("$0.0042");
  expect(formatCount(12408)).toBe("12,408");
  expect(formatShort(41_200)).toBe("41.2 k");
  expect(formatShort(1_300_000)).toBe("1.3 M");
});

test("row times count from the start, or say the hour", () => {
  const start = Date.parse("2026-11-22T14:02:11.201Z");
  expect(formatRowTime(start + 2_123, "relative", start)).toBe("+0:02.123");
  expect(formatRowTime(start, "utc", 0)).toBe("14:02:11.201");
  expect(formatRowTime(start, "off", 0)).toBe("");
  expect(formatRowTime(Number.NaN, "utc", 0)).toBe("");
});

describe("lines in an address", () => {
  test.each([
    ["#L120", { from: 120, to: 120 }],
    ["#L120-L140", { from: 120, to: 140 }],
    ["#L140-120", { from: 120, to: 140 }],
    ["#L0", null],
    ["#L", null],
    ["#L12x", null],
    ["#L99999999999999999", null],
    ["", null],
  ])("%s", (hash, range) => {
    expect(parseLineHash(hash)).toEqual(range);
  });

  test("what is written is read back", () => {
    const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(seq, seq, (a, b) => {
        const range = { from: Math.min(a, b), to: Math.max(a, b) };
        expect(parseLineHash(formatLineHash(range))).toEqual(range);
      }),
    );
  });

  test.each([
    ["12,408", 20_000, 12_408],
    ["50%", 1000, 500],
    ["-1", 1000, 1000],
    ["L12", 1000, 12],
    ["5000", 1000, 1000],
  ])("go to %s of %d", (text, head, from) => {
    expect(parseLineInput(text, head)?.from).toBe(from);
  });

  test("nonsense goes nowhere", () => {
    for (const text of ["", "abc", "1x", "--1"]) expect(parseLineInput(text, 100)).toBeNull();
  });
});

test("an event this version does not know is still said", () => {
  expect(describeEvent({ type: "execution:newer", seq: 1, timestamp: "" })?.text).toBe("execution:newer");
});
