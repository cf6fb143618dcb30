import { describe, expect, it } from "vitest";
import { rankOf } from "../src/shell/rank.ts";

const entry = (name: string, search = name, group = "Run") => ({ group, name, search });

describe("rankOf", () => {
  it("takes every character one can type as text", () => {
    for (const typed of [
      "disk-report",
      "a.b",
      "(",
      "[x",
      "\\",
      "^$",
      "*",
      "+",
      "?",
      "{1}",
      "|",
      "/",
      "-",
      "ü-é",
      "日本",
    ]) {
      expect(rankOf(entry("x", `run ${typed} it`), [typed.toLowerCase()])).toBeGreaterThan(0);
      expect(rankOf(entry("x", "something else"), [`${typed.toLowerCase()}§`])).toBe(0);
    }
  });

  it("wants every word, and ranks a name's beginning first, then within it, then a word's beginning", () => {
    const ranks = [
      rankOf(entry("disk report"), ["disk"]),
      rankOf(entry("my disk report"), ["disk"]),
      rankOf(entry("other", "about disk space"), ["disk"]),
      rankOf(entry("other", "ramdisk"), ["disk"]),
      rankOf(entry("disk report"), ["disk", "nothing"]),
    ];
    expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
    expect(ranks.at(-1)).toBe(0);
    expect(new Set(ranks).size).toBe(5);
  });
});
