import type { ExecutionRecord } from "@claudeops/client";
import { describe, expect, it } from "vitest";
import {
  boundsOf,
  changed,
  isFiltered,
  lineQuery,
  listQuery,
  parseHistorySearch,
} from "../src/history/address.ts";
import { choiceOf, NOTHING_CHOSEN, type SelectionEvent, selectionAfter } from "../src/history/selection.ts";
import { newer } from "../src/history/use-run-list.ts";
import { readViews, sameSearch, withoutView, withView, writeViews } from "../src/history/views.ts";
import { holdOrder } from "../src/lib/held.ts";

const record = (executionId: string, change: Partial<ExecutionRecord> = {}): ExecutionRecord => ({
  executionId,
  agentType: "backup",
  status: "completed",
  terminal: true,
  head: 5,
  queuedAt: "2026-11-22T10:00:00Z",
  trigger: { kind: "page", user: "owner" },
  cost: 0,
  processesReaped: 0,
  ...change,
});

describe("the address of History", () => {
  it("is read with care, whatever was typed", () => {
    expect(parseHistorySearch({ q: 42, status: "failed", level: "warn", regex: true, junk: [] })).toEqual({
      q: "42",
      status: "failed",
    });
    expect(parseHistorySearch({ in: "lines", q: "x", level: "warn", regex: true, case: "yes" })).toEqual({
      in: "lines",
      q: "x",
      level: "warn",
      regex: true,
    });
  });

  it("changes without leaving empty filters behind", () => {
    const search = changed({ q: "a", agent: "b" }, { q: "", status: "failed" });
    expect(search).toEqual({ agent: "b", status: "failed" });
    expect(isFiltered({ in: "lines" })).toBe(false);
    expect(isFiltered(search)).toBe(true);
  });

  it("counts spans back from the server's time", () => {
    const now = Date.parse("2026-11-22T12:00:00Z");
    expect(boundsOf({ since: "1h" }, now)).toEqual({ since: new Date("2026-11-22T11:00:00Z") });
    expect(boundsOf({ since: "nonsense" }, now)).toEqual({});
  });

  it("takes days whole, from midnight to midnight here", () => {
    const { since, until } = boundsOf({ since: "2026-03-28", until: "2026-03-29" }, 0);
    expect(since).toEqual(new Date(2026, 2, 28));
    expect(until).toEqual(new Date(2026, 2, 30));
  });

  it("asks for what is being stopped together with what runs", () => {
    expect(listQuery({ status: "running", agent: "b", q: "x" }, 0)).toEqual({
      status: ["running", "cancelling"],
      agentType: "b",
      q: "x",
    });
  });

  it("has a query for lines only when there is something to look for", () => {
    expect(lineQuery({ in: "lines" })).toBeNull();
    expect(lineQuery({ q: "x" })).toBeNull();
    expect(lineQuery({ in: "lines", q: "x", level: "warn" })).toMatchObject({
      text: "x",
      levels: ["warn", "error"],
    });
  });
});

describe("a selection of runs", () => {
  const after = (...events: SelectionEvent[]) => events.reduce(selectionAfter, NOTHING_CHOSEN);
  const shown = ["a", "b", "c", "d"];
  const press = (id: string, range = false): SelectionEvent => ({ type: "toggle", id, range, shown });

  it("begins with the first run that is chosen, and ends empty", () => {
    expect(after(press("b"))).toMatchObject({ active: true, ids: new Set(["b"]) });
    expect(after(press("b"), press("b")).ids.size).toBe(0);
    expect(after(press("b"), { type: "end" })).toEqual(NOTHING_CHOSEN);
  });

  it("takes a range from where one began, in both directions", () => {
    expect([...after(press("b"), press("d", true)).ids].sort()).toEqual(["b", "c", "d"]);
    expect([...after(press("d"), press("b", true), press("a", true)).ids].sort()).toEqual(shown);
    expect([...after(press("b", true)).ids]).toEqual(["b"]);
  });

  it("takes all, and lets go of all without ending", () => {
    expect(after({ type: "begin" }, { type: "all", shown }).ids.size).toBe(4);
    expect(after({ type: "all", shown }, { type: "none" })).toMatchObject({ active: true, ids: new Set() });
  });

  it("offers to stop what runs and to repeat what has ended, of those still listed", () => {
    const selection = after({ type: "all", shown: ["a", "b", "c", "gone"] });
    const { stoppable, repeatable } = choiceOf(selection, [
      record("a", { status: "running", terminal: false }),
      record("b", { status: "cancelling", terminal: false }),
      record("c"),
      record("d"),
    ]);
    expect(stoppable.map((one) => one.executionId)).toEqual(["a"]);
    expect(repeatable.map((one) => one.executionId)).toEqual(["c"]);
  });
});

describe("a listed run", () => {
  it("is as new as the feed knows it, but for a pin on what has ended", () => {
    const live = new Map([["a", record("a", { status: "completed", head: 7 })]]);
    expect(newer(record("a", { status: "running", terminal: false }), live).status).toBe("completed");
    const pinned = record("a", { head: 7, pinned: true });
    expect(newer(pinned, live)).toBe(pinned);
    const ahead = record("a", { status: "running", terminal: false, head: 9 });
    expect(newer(ahead, live)).toBe(ahead);
  });
});

describe("rows under the pointer", () => {
  it("stay where they are; what comes below is appended, what comes above waits", () => {
    expect(holdOrder(["b", "c"], ["a", "b", "c", "d"])).toEqual({ order: ["b", "c", "d"], waiting: 1 });
    expect(holdOrder(["b", "c"], ["c"])).toEqual({ order: ["b", "c"], waiting: 1 });
    expect(holdOrder(["b"], ["x", "y"])).toEqual({ order: ["b"], waiting: 3 });
    expect(holdOrder(["a", "b"], ["a", "b"])).toEqual({ order: ["a", "b"], waiting: 0 });
  });
});

describe("saved views", () => {
  it("are kept by name, read with care, and taken away", () => {
    const store = new Map<string, string>();
    const storage = {
      getItem: (key: string) => store.get(key) ?? null,
      setItem: (key: string, value: string) => void store.set(key, value),
    };
    expect(readViews(storage)).toEqual([]);
    const views = withView(withView([], { name: "b", search: { q: "x" } }), { name: "a", search: {} });
    writeViews(storage, withView(views, { name: "b", search: { q: "y" } }));
    expect(readViews(storage)).toEqual([
      { name: "a", search: {} },
      { name: "b", search: { q: "y" } },
    ]);
    expect(withoutView(readViews(storage), "a")).toHaveLength(1);
    store.set("claudeops.history.views", '[{"name":""},7,{"name":"c","search":{"q":1,"bad":{}}}]');
    expect(readViews(storage)).toEqual([{ name: "c", search: { q: "1" } }]);
    store.set("claudeops.history.views", "not JSON");
    expect(readViews(storage)).toEqual([]);
    expect(sameSearch({ q: "a", agent: "b" }, { agent: "b", q: "a" })).toBe(true);
  });
});
