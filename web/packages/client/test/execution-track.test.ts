import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RequestError } from "../src/errors.js";
import { ExecutionTrack, type TrackHost } from "../src/execution-track.js";
import type { ExecutionWatch, WatchedEvent } from "../src/index.js";
import { range } from "./helpers.js";

function event(
  seq: number,
  type: "execution:log" | "execution:progress" | "execution:completed" = "execution:log",
): WatchedEvent {
  const base = { executionId: "a", seq, timestamp: "" };
  if (type === "execution:progress") return { ...base, type, progress: seq };
  if (type === "execution:completed")
    return { ...base, type, cost: 0, exitCode: 0, durationMs: 0, processesReaped: 0 };
  return { ...base, type, level: "info", stream: "stdout", message: String(seq) };
}

/** A server in the hands of the test: it notes what it is asked, and says what the test tells it to. */
class HandHost implements TrackHost {
  open = true;
  feedActive = false;
  released = false;
  readonly asked: ({ since: number } | { tail: number })[] = [];
  readonly unsubscribed: string[] = [];
  ticket = 0;

  subscribeLogs(_: ExecutionTrack, start: { since: number } | { tail: number }, ticket: number): void {
    this.asked.push(start);
    this.ticket = ticket;
  }
  unsubscribeLogs(executionId: string): void {
    this.unsubscribed.push(executionId);
  }
  release(): void {
    this.released = true;
  }
}

function follow(track: ExecutionTrack, start = {}) {
  const seqs: number[] = [];
  const ended = vi.fn();
  const failed = vi.fn();
  const watch = track.watch(start, {
    onEvents: (events) => seqs.push(...events.map(({ seq }) => seq)),
    onGap: ({ from, to }) => seqs.push(...range(from, to).map((seq) => -seq)),
    onEnd: ended,
    onError: failed,
  });
  return { seqs, watch, ended, failed };
}

const confirm = (track: ExecutionTrack, host: HandHost, from: number, head: number) =>
  track.subscribed({ type: "logs:subscribed", executionId: "a", from, head }, host.ticket);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("an execution's track", () => {
  it("ends by the record where damage has taken the last event", () => {
    const host = new HandHost();
    const track = new ExecutionTrack("a", host);
    const { seqs, ended } = follow(track);
    const record = {
      executionId: "a",
      agentType: "writer",
      status: "failed",
      terminal: true,
      head: 5,
      queuedAt: "2026-01-01T00:00:00.000Z",
      endedAt: "2026-01-01T00:00:09.000Z",
      cost: 0.5,
      reason: "timeout",
      error: "it took too long",
      processesReaped: 2,
      trigger: { kind: "api", user: "owner" },
    } as const;
    confirm(track, host, 1, 2);
    track.event(event(1));
    track.event(event(2));
    track.flush();
    track.concluded(record); // nothing has been said of 3 to 5 yet
    expect(ended).not.toHaveBeenCalled();
    track.gap({ type: "logs:gap", executionId: "a", from: 3, to: 5, reason: "damaged" });
    track.concluded(record);
    expect(seqs).toEqual([1, 2, -3, -4, -5]);
    expect(ended).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ type: "execution:failed", seq: 5, reason: "timeout", processesReaped: 2 }),
    );
    expect(host.released).toBe(true);
    expect(host.unsubscribed).toEqual([]);
  });

  it("does not take what the feed brings ahead of its turn for a loss", () => {
    const host = new HandHost();
    host.feedActive = true;
    const track = new ExecutionTrack("a", host);
    const { seqs, ended } = follow(track);
    confirm(track, host, 1, 50);
    expect(track.event(event(1))).toBe(true);
    expect(track.event(event(50, "execution:completed"))).toBe(false); // the feed is quicker than the log
    track.flush();
    for (const seq of range(2, 49)) track.event(event(seq));
    track.event(event(50, "execution:completed"));
    track.flush();
    expect(host.asked).toHaveLength(1);
    expect(seqs).toEqual(range(1, 50));
    expect(ended).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(60_000);
    expect(host.asked).toHaveLength(1);
    expect(host.unsubscribed).toEqual([]); // the server has ended it by itself
    expect(host.released).toBe(true);
  });

  it("asks when what was announced does not come", () => {
    const host = new HandHost();
    host.feedActive = true;
    const track = new ExecutionTrack("a", host);
    const { seqs } = follow(track);
    confirm(track, host, 1, 3);
    track.event(event(1));
    track.event(event(3, "execution:completed"));
    track.flush();
    vi.advanceTimersByTime(4999);
    expect(host.asked).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(host.asked.at(-1)).toEqual({ since: 1 });
    expect(seqs).toEqual([1]);
  });

  it("asks at once for a lost log event, later when that goes on", () => {
    const host = new HandHost();
    const track = new ExecutionTrack("a", host);
    const { seqs } = follow(track);
    for (let i = 0; i < 4; i++) {
      confirm(track, host, 1, 9);
      track.event(event(3)); // the first never comes
      track.flush();
      vi.advanceTimersByTime(i === 0 ? 0 : 30_000);
    }
    expect(host.asked).toEqual(Array(5).fill({ since: 0 }));
    confirm(track, host, 1, 9);
    track.event(event(5));
    expect(host.asked).toHaveLength(5); // this time it waits
    vi.advanceTimersByTime(30_000);
    expect(host.asked).toHaveLength(6);
    confirm(track, host, 1, 9);
    track.event(event(1));
    track.event(event(2));
    track.event(event(4)); // progress was made: at once again
    expect(host.asked.at(-1)).toEqual({ since: 2 });
    expect(host.asked).toHaveLength(7);
    expect(seqs).toEqual([1, 2]);
  });

  it("ignores answers to questions it has replaced", () => {
    const host = new HandHost();
    const track = new ExecutionTrack("a", host);
    const late = follow(track, { since: 50 });
    const old = host.ticket;
    const early = follow(track, { since: 10 });
    expect(host.asked).toEqual([{ since: 50 }, { since: 10 }]);
    track.subscribed({ type: "logs:subscribed", executionId: "a", from: 51, head: 99 }, old);
    track.event(event(51));
    track.flush();
    track.refused(new RequestError("not_found", "gone"), old);
    expect([late.seqs, early.seqs]).toEqual([[], []]);
    expect(late.failed).not.toHaveBeenCalled();
    confirm(track, host, 11, 99);
    for (const seq of range(11, 52)) track.event(event(seq));
    track.flush();
    expect(early.seqs).toEqual(range(11, 52));
    expect(late.seqs).toEqual([51, 52]);
  });

  it("waits as long as the server wants, and ends when it says no", () => {
    const host = new HandHost();
    const track = new ExecutionTrack("a", host);
    const { failed } = follow(track);
    track.refused(
      new RequestError("rate_limited", "wait", { retryable: true, retryAfterMs: 700 }),
      host.ticket,
    );
    vi.advanceTimersByTime(699);
    expect(host.asked).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(host.asked).toHaveLength(2);
    track.refused(
      new RequestError("limit_reached", "100 are watched already", { retryable: true }),
      host.ticket,
    );
    expect(failed).toHaveBeenCalledTimes(1);
    expect(host.released).toBe(true);
  });

  it("asks for nothing while nobody wants anything, or nobody can be asked", () => {
    const host = new HandHost();
    host.open = false;
    const track = new ExecutionTrack("a", host);
    const { watch } = follow(track, { tail: 5 });
    expect(host.asked).toEqual([]);
    host.open = true;
    track.opened();
    expect(host.asked).toEqual([{ tail: 5 }]);
    confirm(track, host, 96, 100);
    expect(watch.cursor).toBe(95);
    watch.pause();
    expect(host.unsubscribed).toEqual(["a"]);
    watch.resume();
    expect(host.asked.at(-1)).toEqual({ since: 95 });
    track.lost();
    track.opened();
    expect(host.asked.at(-1)).toEqual({ since: 95 });
    watch.close();
    expect(host.released).toBe(true);
  });

  it("survives handlers that throw, and handlers that end it", () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    const host = new HandHost();
    const track = new ExecutionTrack("a", host);
    track.watch(
      {},
      {
        onEvents: () => {
          throw new Error("in a handler");
        },
      },
    );
    const others: ExecutionWatch[] = [];
    others.push(track.watch({}, { onEvents: () => others[0]?.close() }));
    const { seqs } = follow(track);
    confirm(track, host, 1, 2);
    track.event(event(1));
    track.flush();
    track.event(event(2));
    track.flush();
    expect(seqs).toEqual([1, 2]);
    expect(others[0]?.cursor).toBe(1);
    expect(reported).toHaveBeenCalledTimes(2);
    vi.unstubAllGlobals();
  });

  it("gives every watcher every event once and in order, whatever the way does", () => {
    const head = 40;
    const step = fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          do: fc.constant("deliver" as const),
          n: fc.integer({ min: 1, max: 6 }),
          omit: fc.nat(8),
          again: fc.nat(3),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("ahead" as const), seq: fc.integer({ min: 1, max: head }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("watch" as const),
          since: fc.integer({ min: 0, max: head }),
          tail: fc.boolean(),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constantFrom("pause" as const, "resume" as const, "lose" as const),
          which: fc.nat(5),
        }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const host = new HandHost();
        host.feedActive = true;
        const track = new ExecutionTrack("a", host);
        const watchers = [{ ...follow(track), first: 1 }];
        let place = 0; // what the server has sent over this subscription
        let answered = 0;
        const answer = () => {
          while (host.asked.length > answered) {
            answered = host.asked.length;
            const start = host.asked.at(-1) ?? { since: 0 };
            place = "since" in start ? start.since : Math.max(0, head - start.tail);
            confirm(track, host, place + 1, head);
          }
        };
        const deliver = (n: number, omit: number, again: number) => {
          answer();
          if (track.cursor === undefined) return;
          place = Math.max(0, place - again);
          for (let i = 1; i <= n && place < head; i++) {
            place++;
            if (i === omit) continue;
            track.event(
              event(
                place,
                place === head
                  ? "execution:completed"
                  : place % 7 === 0
                    ? "execution:progress"
                    : "execution:log",
              ),
            );
            if (host.asked.length > answered) break;
          }
          track.flush();
        };
        for (const one of steps) {
          if (one.do === "deliver") deliver(one.n, one.omit, one.again);
          else if (one.do === "ahead") {
            if (one.seq % 7 === 0) track.event(event(one.seq, "execution:progress"));
            track.flush();
          } else if (one.do === "watch") {
            if (!host.released) {
              const start = one.tail ? { tail: one.since } : { since: one.since };
              watchers.push({
                ...follow(track, start),
                first: one.tail ? Math.max(0, head - one.since) + 1 : one.since + 1,
              });
            }
          } else if (one.do === "lose") {
            track.lost();
            track.opened();
          } else watchers[one.which]?.watch[one.do]();
          vi.advanceTimersByTime(50);
        }
        for (const { watch } of watchers) watch.resume();
        for (let i = 0; i < 300 && watchers.some(({ watch }) => watch.active && watch.cursor < head); i++) {
          deliver(6, 0, 0);
          vi.advanceTimersByTime(31_000);
        }
        for (const { seqs, first, watch } of watchers) {
          expect(seqs).toEqual(range(first, head));
          if (first <= head) expect(watch.active).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
