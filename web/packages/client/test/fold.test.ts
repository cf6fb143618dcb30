import { describe, expect, it } from "vitest";
import type { WatchedEvent } from "../src/index.js";
import {
  applyEvent,
  type ExecutionRecord,
  emptyRecord,
  endings,
  isTerminal,
  isTerminalType,
} from "../src/index.js";
import { foldCases } from "./golden.js";

/** A record as JSON has it, so that a field that is undefined is not there. */
const asJSON = (record: ExecutionRecord | null): unknown => JSON.parse(JSON.stringify(record));

describe("applyEvent", () => {
  it.each(Object.entries(foldCases))("%s gives the record that Go gives", (_, { doc, events, record }) => {
    const first = events[0] as WatchedEvent;
    // A record that begins in the middle is one the server has given.
    let folded: ExecutionRecord | undefined =
      first.type === "execution:queued" ? undefined : emptyRecord(first.executionId);
    for (const event of events as WatchedEvent[]) {
      const before = structuredClone(folded);
      const once = applyEvent(folded, event) ?? undefined;
      expect(folded, "the record given is not changed").toEqual(before);
      folded = once && (applyEvent(once, event) ?? undefined);
      expect(folded).toBe(once);
    }
    expect(asJSON(folded ?? null), doc).toEqual(record);
  });

  it("knows nothing of an execution whose beginning it has not seen", () => {
    const progress = {
      type: "execution:progress",
      executionId: "x",
      seq: 7,
      timestamp: "",
      progress: 1,
    } as const;
    expect(applyEvent(undefined, progress)).toBeNull();
  });
});

describe("isTerminal", () => {
  it("holds for the three events that end an execution, and for nothing else", () => {
    expect(Object.keys(endings).every(isTerminalType)).toBe(true);
    for (const type of ["execution:status", "execution:log", "constructor", "toString", ""]) {
      expect(isTerminal({ type }), type).toBe(false);
    }
  });
});
