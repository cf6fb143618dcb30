import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LogStore, PAGE_SIZE } from "../src/log/store.js";
import { FakeSource } from "./fake-source.js";

const pagesOf = (from: number, to: number) => {
  const pages: number[] = [];
  for (let page = Math.floor((from - 1) / PAGE_SIZE); page <= Math.floor((to - 1) / PAGE_SIZE); page++)
    pages.push(page);
  return pages;
};

describe("LogStore", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("opens at the end and fetches the rest only when it is looked at", async () => {
    const source = new FakeSource();
    source.append(100_000);
    const store = new LogStore(source);
    const leave = store.subscribe(() => {});
    await vi.advanceTimersByTimeAsync(20);
    expect(store.getState()).toMatchObject({ head: 100_000, streaming: true, opening: false });
    expect(store.slot(100_000)).toMatchObject({ message: "line 100000" });
    expect(store.slot(50_000)).toBeUndefined();
    expect(source.reads).toEqual([]);
    store.want(pagesOf(50_000, 50_040));
    await vi.advanceTimersByTimeAsync(20);
    expect(store.slot(50_000)).toMatchObject({ message: "line 50000" });
    leave();
  });

  test("holds a window of pages however far one goes, and always the end", async () => {
    const source = new FakeSource();
    source.append(200_000);
    const store = new LogStore(source);
    const leave = store.subscribe(() => {});
    for (let seq = 1; seq < 200_000; seq += PAGE_SIZE * 3) {
      store.want(pagesOf(seq, seq + 100));
      await vi.advanceTimersByTimeAsync(20);
      expect(store.slot(seq)).toMatchObject({ seq });
      expect(store.held).toBeLessThanOrEqual(64);
    }
    expect(store.slot(200_000)).toMatchObject({ seq: 200_000 });
    for (let i = 0; i < 100; i++) source.listener?.events(source.append(1000));
    expect(store.held).toBeLessThanOrEqual(64);
    expect(store.slot(300_000)).toMatchObject({ seq: 300_000 });
    leave();
  });

  test("tells its listeners once per frame, whatever comes in between", async () => {
    const source = new FakeSource();
    const store = new LogStore(source);
    const heard = vi.fn();
    const leave = store.subscribe(heard);
    await vi.advanceTimersByTimeAsync(20);
    heard.mockClear();
    for (let i = 0; i < 500; i++) source.listener?.events(source.append(3));
    expect(heard).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(20);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(store.getState().head).toBe(1500);
    leave();
  });

  test("who leaves and comes back at once, as StrictMode does, costs no second subscription", async () => {
    const source = new FakeSource();
    const follow = vi.spyOn(source, "follow");
    const store = new LogStore(source);
    store.subscribe(() => {})();
    const leave = store.subscribe(() => {});
    await vi.advanceTimersByTimeAsync(2000);
    expect(follow).toHaveBeenCalledTimes(1);
    expect(source.closed).toBe(0);
    leave();
    await vi.advanceTimersByTimeAsync(2000);
    expect(source.closed).toBe(1);
  });

  test("a page that could not be fetched is told of, and had again on request", async () => {
    const source = new FakeSource();
    source.append(10_000);
    const store = new LogStore(source);
    const leave = store.subscribe(() => {});
    source.failNext = new Error("no such luck");
    store.want(pagesOf(1, 10));
    await vi.advanceTimersByTimeAsync(20);
    expect(store.getState().error?.message).toBe("no such luck");
    expect(source.reads).toHaveLength(1);
    store.retry();
    await vi.advanceTimersByTimeAsync(20);
    expect(store.getState().error).toBeNull();
    expect(store.slot(1)).toMatchObject({ seq: 1 });
    leave();
  });

  test("a gap takes the place of its events", async () => {
    const source = new FakeSource();
    source.append(100);
    const store = new LogStore(source);
    const leave = store.subscribe(() => {});
    source.listener?.gap({ type: "logs:gap", from: 101, to: 150, reason: "damaged" });
    await vi.advanceTimersByTimeAsync(20);
    expect(store.getState().head).toBe(150);
    expect(store.slot(101)).toMatchObject({ type: "logs:gap", to: 150 });
    expect(store.slot(150)).toMatchObject({ type: "logs:gap", from: 101 });
    leave();
  });

  test("whatever is looked at and whatever arrives, no slot ever holds another one's event", async () => {
    const move = fc.oneof(
      fc.record({ append: fc.integer({ min: 1, max: 2000 }) }),
      fc.record({ look: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5000 }),
        fc.array(move, { maxLength: 25 }),
        async (before, moves) => {
          const source = new FakeSource();
          source.append(before);
          const store = new LogStore(source);
          const leave = store.subscribe(() => {});
          for (const m of moves) {
            if ("append" in m) source.listener?.events(source.append(m.append));
            else {
              const at = 1 + Math.floor(m.look * source.log.length);
              store.want(pagesOf(at, at + 60));
            }
            await vi.advanceTimersByTimeAsync(20);
          }
          await vi.advanceTimersByTimeAsync(20);
          expect(store.getState().head).toBe(source.log.length);
          const misplaced = store.heldPages().flatMap((index) => {
            const page = store.page(index);
            return (page?.slots ?? []).filter(
              (slot, i) => slot !== undefined && (!("seq" in slot) || slot.seq !== (page?.base ?? 0) + i),
            );
          });
          expect(misplaced).toEqual([]);
          leave();
          store.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});
