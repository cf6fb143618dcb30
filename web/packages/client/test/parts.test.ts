import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { baseAddress, httpAddress, webSocketAddress } from "../src/address.js";
import { backoffMs } from "../src/backoff.js";
import { QueueFullError } from "../src/errors.js";
import { Heartbeat } from "../src/heartbeat.js";
import { Pacer } from "../src/pacer.js";
import { closeFailure } from "../src/problems.js";
import { closeCodes } from "../src/protocol.gen.js";
import { type Outgoing, OutgoingQueue } from "../src/queue.js";
import { EventStream } from "../src/transports/event-stream.js";

describe("backoffMs", () => {
  it("spreads over the whole time below a bound that doubles up to its maximum", () => {
    const options = { baseMs: 1000, maxMs: 30_000 };
    for (const [retry, bound] of [
      [1, 1000],
      [2, 2000],
      [3, 4000],
      [5, 16_000],
      [6, 30_000],
      [10, 30_000],
      [1e9, 30_000],
    ] as const) {
      const waits = Array.from({ length: 2000 }, () => backoffMs(retry, options));
      expect(Math.max(...waits)).toBeLessThanOrEqual(bound);
      expect(Math.max(...waits)).toBeGreaterThan(bound * 0.9);
      expect(Math.min(...waits)).toBeLessThan(bound * 0.1);
      expect(waits.reduce((sum, wait) => sum + wait) / waits.length / bound).toBeCloseTo(0.5, 1);
    }
  });
});

describe("OutgoingQueue", () => {
  const item = (line: string, priority: Outgoing["priority"] = "normal"): Outgoing => ({
    message: { type: "ping" },
    line,
    priority,
  });
  const lines = (items: readonly Outgoing[]) => items.map(({ line }) => line).join("");

  it("gives out the urgent first, and keeps the order within a priority", () => {
    const queue = new OutgoingQueue({ maxMessages: 10, maxChars: 100 });
    for (const [line, priority] of [
      ["a", "low"],
      ["b", "normal"],
      ["c", "high"],
      ["d", "normal"],
      ["e", "high"],
    ] as const) {
      queue.push(item(line, priority));
    }
    expect(lines(queue.take(3, 1000))).toBe("ceb");
    expect(lines(queue.clear())).toBe("da");
    expect(queue.size).toBe(0);
  });

  it("does not let a small urgent message of less priority overtake one that does not fit", () => {
    const queue = new OutgoingQueue({ maxMessages: 10, maxChars: 1000 });
    queue.push(item("xx", "high"));
    queue.push(item("x".repeat(50), "high"));
    queue.push(item("y", "normal"));
    expect(lines(queue.take(10, 20))).toBe("xx");
    expect(lines(queue.take(10, 20))).toBe("x".repeat(50));
    expect(lines(queue.take(10, 20))).toBe("y");
  });

  it("is bounded, and tells so", () => {
    const queue = new OutgoingQueue({ maxMessages: 2, maxChars: 10 });
    queue.push(item("12345"));
    expect(() => queue.push(item("123456"))).toThrow(QueueFullError);
    queue.push(item("12345"));
    expect(() => queue.push(item("1"))).toThrow(QueueFullError);
    queue.push(item("needed"), true);
    expect(queue.size).toBe(3);
    const [first] = queue.take(1, 1000);
    if (first !== undefined) queue.putBack([first]);
    expect(lines(queue.clear())).toBe("1234512345needed");
  });

  it("keeps count whatever is done to it", () => {
    const actions = fc.array(
      fc.oneof(
        fc.record({
          do: fc.constant("push" as const),
          text: fc.string({ maxLength: 20, unit: "grapheme" }),
          priority: fc.constantFrom("high" as const, "normal" as const, "low" as const),
        }),
        fc.record({ do: fc.constant("take" as const), messages: fc.nat(5), bytes: fc.nat(60) }),
        fc.record({ do: fc.constant("remove" as const), index: fc.nat(20) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(actions, (list) => {
        const queue = new OutgoingQueue({ maxMessages: 20, maxChars: 200 });
        let waiting: Outgoing[] = [];
        for (const action of list) {
          if (action.do === "push") {
            const one = item(action.text, action.priority);
            const room =
              waiting.length < 20 &&
              waiting.reduce((sum, { line }) => sum + line.length, 0) + one.line.length <= 200;
            if (room) {
              queue.push(one);
              waiting.push(one);
            } else {
              expect(() => queue.push(one)).toThrow(QueueFullError);
            }
          } else if (action.do === "remove") {
            const one = waiting[action.index];
            if (one === undefined) continue;
            queue.remove(one);
            queue.remove(one);
            waiting = waiting.filter((other) => other !== one);
          } else {
            const taken = queue.take(action.messages, action.bytes);
            const size = Buffer.byteLength(taken.map(({ line }) => `${line}\n`).join(""));
            expect(taken.length <= action.messages && (taken.length <= 1 || size <= action.bytes)).toBe(true);
            if (waiting.length > 0 && action.messages > 0) expect(taken.length).toBeGreaterThan(0);
            waiting = waiting.filter((one) => !taken.includes(one));
          }
          expect(queue.size).toBe(waiting.length);
        }
      }),
    );
  });
});

describe("with time", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("Pacer stays below a server's token bucket", () => {
    const pacer = new Pacer();
    pacer.begin({ messagesPerSecond: 50, messageBurst: 200 });
    let bucket = 200;
    let sent = 0;
    for (let ms = 0; ms < 60_000; ms += 7) {
      bucket = Math.min(200, bucket + 0.007 * 50);
      const n = pacer.allowed;
      pacer.spend(n);
      bucket -= n;
      sent += n;
      expect(bucket).toBeGreaterThanOrEqual(0);
      vi.advanceTimersByTime(7);
    }
    expect(sent).toBeGreaterThan(60 * 50 * 0.85);
    pacer.pause(500);
    expect(pacer.allowed).toBe(0);
    expect(pacer.waitMs).toBe(500);
    vi.advanceTimersByTime(500);
    expect(pacer.allowed).toBeGreaterThan(0);
    pacer.begin({ messagesPerSecond: 0, messageBurst: 0 });
    expect(pacer.allowed).toBe(Number.POSITIVE_INFINITY);
    expect(pacer.waitMs).toBe(0);
  });

  it("Heartbeat pings, measures, and calls the silent dead once", () => {
    const handlers = { ping: vi.fn<(timestamp: number) => void>(), latency: vi.fn(), dead: vi.fn() };
    const heartbeat = new Heartbeat(handlers, 1000, 300);
    heartbeat.beat();
    vi.advanceTimersByTime(40);
    heartbeat.pong(handlers.ping.mock.lastCall?.[0], Date.now() - 20 + 5000);
    expect(handlers.latency).toHaveBeenLastCalledWith(40, 5000);
    vi.advanceTimersByTime(960);
    expect(handlers.ping).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(299);
    heartbeat.alive(); // not the answer, but a sign
    vi.advanceTimersByTime(5000);
    expect(handlers.dead).toHaveBeenCalledTimes(1);
    const pings = handlers.ping.mock.calls.length;
    vi.advanceTimersByTime(60_000);
    heartbeat.pong(0, Date.now());
    expect(handlers.ping).toHaveBeenCalledTimes(pings);
    expect(handlers.dead).toHaveBeenCalledTimes(1);
    expect(handlers.latency).toHaveBeenCalledTimes(1);
  });

  it("Heartbeat notices a death although it pings more often than it waits", () => {
    const handlers = { ping: vi.fn(), latency: vi.fn(), dead: vi.fn() };
    new Heartbeat(handlers, 100, 1000).beat();
    vi.advanceTimersByTime(999);
    expect(handlers.dead).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(handlers.dead).toHaveBeenCalledTimes(1);
  });

  it("Heartbeat waits less when asked to", () => {
    const handlers = { ping: vi.fn(), latency: vi.fn(), dead: vi.fn() };
    const heartbeat = new Heartbeat(handlers, 25_000, 10_000);
    heartbeat.beat();
    heartbeat.beat(3000);
    vi.advanceTimersByTime(3000);
    expect(handlers.dead).toHaveBeenCalledTimes(1);
  });
});

describe("EventStream", () => {
  const stream =
    ': comment\n\nid: a:1\ndata: {"a":1}\ndata: {"b":2}\n\nevent: x\r\ndata:{"c":3}\r\n\r\ndata\n\n\ndata: last';

  it("gives the data of each event, however the bytes are cut", () => {
    for (let size = 1; size <= stream.length; size++) {
      const frames: string[] = [];
      const reader = new EventStream((frame) => frames.push(frame));
      for (let i = 0; i < stream.length; i += size) reader.push(stream.slice(i, i + size));
      expect(frames).toEqual(['{"a":1}\n{"b":2}', '{"c":3}']);
    }
  });
});

describe("addresses", () => {
  it("keep a base path and leave out what is secret or of the moment", () => {
    const base = baseAddress("https://ci.example.com/claudeops?x=1#y");
    expect(base.href).toBe("https://ci.example.com/claudeops/");
    expect(httpAddress(base, "api/agents", new URLSearchParams({ q: "a b" }))).toBe(
      "https://ci.example.com/claudeops/api/agents?q=a+b",
    );
    expect(webSocketAddress(base, "api/ws")).toBe("wss://ci.example.com/claudeops/api/ws");
    expect(webSocketAddress(baseAddress("http://localhost:3000"), "api/ws")).toBe(
      "ws://localhost:3000/api/ws",
    );
    expect(baseAddress("ws://localhost:3000/x/").href).toBe("http://localhost:3000/x/");
  });

  it.each(["ftp://x", "", "not an address", "https://user:secret@host/", undefined])("refuse %s", (url) => {
    expect(() => baseAddress(url)).toThrow(/claudeops: /);
  });
});

describe("close codes", () => {
  it.each([
    [1000, "restart", true],
    [1001, "restart", true],
    [1002, "protocol", false],
    [1003, "protocol", false],
    [1005, "network", true],
    [1006, "network", true],
    [1007, "protocol", false],
    [1008, "unauthenticated", false],
    [1009, "protocol", false],
    [1011, "server", true],
    [1012, "restart", true],
    [1013, "server", true],
    [4000, "server", true],
    [4401, "expired", true],
    [4408, "heartbeat", true],
    [4429, "rate_limited", true],
  ] as const)("%i is %s, recoverable: %s", (code, type, recoverable) => {
    const { problem } = closeFailure(code, "");
    expect(problem).toMatchObject({ type, recoverable, closeCode: code });
    expect(problem.message).not.toBe("");
    expect(closeFailure(code, "as the server says").problem.message).toBe("as the server says");
  });

  it("are all thought of", () => {
    for (const code of Object.values(closeCodes)) expect(closeFailure(code, "").problem.type).toBeDefined();
    expect(closeFailure(4429, "too many messages; retryAfterMs=1234").retryAfterMs).toBe(1234);
    expect(closeFailure(4429, '{"retryAfterMs": 50}').retryAfterMs).toBe(50);
    expect(closeFailure(4429, "").retryAfterMs).toBe(5000);
  });
});
