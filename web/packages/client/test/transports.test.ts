import { describe, expect, it } from "vitest";
import type { LifecycleEvent, SearchMatch } from "../src/index.js";
import { RequestError } from "../src/index.js";
import { goldenFrame, goldenLines } from "./golden.js";
import { allTransports, Collected, connectTo, fakeServer, range, seeded, stateIs } from "./helpers.js";

// One suite for all transports: whatever carries the messages, a watch must not notice.
describe.each(allTransports)("over %s", (transport) => {
  const options = { transports: [transport] };

  it("opens, and knows who it is", async () => {
    const server = await fakeServer();
    const connection = connectTo(server, options);
    expect(connection.state).toMatchObject({ status: "connecting", attempt: 0 });
    await connection.ready();
    expect(connection.state).toMatchObject({
      status: "open",
      transport,
      user: { id: "owner", permissions: ["admin"] },
      problem: null,
      nextAttemptAt: null,
    });
    expect(connection.state.connectionId).toMatch(/^c\d+$/);
    await stateIs(connection, ({ latencyMs }) => latencyMs !== null);
    expect(connection.state.latencyMs).toBeGreaterThanOrEqual(0);
  });

  it("gives every golden line as it is, and ends", async () => {
    const server = await fakeServer();
    const odd = goldenLines("logs-odd.ndjson").map(
      (line) => JSON.parse(line) as { type: string; message: string; executionId: string },
    );
    const id = odd[0]?.executionId ?? "";
    for (const { executionId: _, ...event } of odd) {
      const { seq: _seq, timestamp: _at, ...fields } = event as Record<string, unknown>;
      server.append(id, fields);
    }
    server.complete(id);
    const seen = new Collected();
    connectTo(server, options).watchExecution(id, {}, seen.handlers);
    await seen.end();
    expect(seen.messages.slice(0, -1)).toEqual(odd.map(({ message }) => message));
    expect(seen.ended).toBe("execution:completed");
    expect(seen.batches.length).toBeLessThan(odd.length);
  });

  it("starts an agent and follows it from its first event", async () => {
    const server = await fakeServer();
    const connection = connectTo(server, options);
    const result = await connection.execute({ agentType: "disk-report", config: { path: "/" } });
    expect(result).toMatchObject({ executionId: "e0", status: "queued", queuePosition: 1, existing: false });
    const seen = new Collected();
    const watch = connection.watchExecution(result.executionId, {}, seen.handlers);
    await seen.until(() => seen.events.length === 2);
    expect(seen.events[0]).toMatchObject({ type: "execution:queued", agentType: "disk-report", seq: 1 });
    server.log(result.executionId, "one", "two");
    server.complete(result.executionId);
    await seen.end();
    expect(seen.seqs).toEqual(range(1, 5));
    expect(watch).toMatchObject({ cursor: 5, head: 5, active: false });
    expect(seen.subscribed[0]).toEqual({ from: 1, head: 2 });
  });

  it("begins after a cursor, or with the last events", async () => {
    const server = await fakeServer();
    server.start("a");
    server.log("a", ...range(3, 100).map(String));
    const connection = connectTo(server, options);
    const since = new Collected();
    connection.watchExecution("a", { since: 90 }, since.handlers);
    await since.until(() => since.events.length === 10);
    expect(since.seqs).toEqual(range(91, 100));
    server.start("b");
    server.log("b", ...range(3, 100).map(String));
    const tail = new Collected();
    connection.watchExecution("b", { tail: 3 }, tail.handlers);
    await tail.until(() => tail.events.length === 3);
    server.log("b", "101");
    await tail.until(() => tail.events.length === 4);
    expect(tail.seqs).toEqual(range(98, 101));
    expect(tail.subscribed[0]).toEqual({ from: 98, head: 100 });
  });

  it.each([1, 2, 3])("loses and doubles nothing when it is cut off at random (seed %i)", async (seed) => {
    const random = seeded(seed);
    const server = await fakeServer();
    const lines = 3000;
    server.start("a");
    const seen = new Collected();
    const connection = connectTo(server, options);
    connection.watchExecution("a", {}, seen.handlers);
    let written = 2;
    let drops = 0;
    while (written < lines) {
      const n = Math.min(lines - written, 1 + Math.floor(random() * 60));
      server.log("a", ...range(written + 1, written + n).map((i) => `line ${i}`));
      written += n;
      if (random() < 0.2) {
        drops++;
        server.drop();
      }
      // Sometimes the reader is given time to come back, sometimes not.
      if (random() < 0.5) await seen.until(() => seen.events.length >= written - 200);
    }
    server.complete("a");
    await seen.end();
    expect(drops, `seed ${seed}`).toBeGreaterThan(5);
    expect(seen.seqs, `seed ${seed}`).toEqual(range(1, lines + 1));
    expect(seen.errors).toEqual([]);
  });

  it("asks again for what is missing, and ignores what comes twice", async () => {
    const server = await fakeServer();
    const random = seeded(7);
    let omitted = 0;
    let doubled = 0;
    server.fate = () => {
      const chance = random();
      if (chance < 0.01 && omitted < 20) {
        omitted++;
        return "omit";
      }
      if (chance < 0.03) {
        doubled++;
        return "double";
      }
      return "deliver";
    };
    server.start("a");
    const seen = new Collected();
    connectTo(server, options).watchExecution("a", {}, seen.handlers);
    for (let i = 3; i <= 2000; i += 10) {
      server.log("a", ...range(i, i + 9).map(String));
      if (i % 100 === 3) await seen.until(() => seen.events.length >= i - 300);
    }
    await seen.until(() => seen.events.length >= 1500);
    server.fate = () => "deliver";
    server.complete("a");
    await seen.end();
    expect(omitted).toBeGreaterThan(3);
    expect(doubled).toBeGreaterThan(3);
    expect(seen.seqs).toEqual(range(1, seen.events.length));
    expect(seen.ended).toBe("execution:completed");
  });

  it("tells a gap in its place", async () => {
    const server = await fakeServer();
    server.start("a");
    server.log("a", ...range(3, 50).map(String));
    server.journal("a").gone = 20;
    const seen = new Collected();
    const watch = connectTo(server, options).watchExecution("a", { since: 5 }, seen.handlers);
    await seen.until(() => seen.events.length === 30);
    expect(seen.gaps).toEqual([{ from: 6, to: 20 }]);
    expect(seen.seqs).toEqual(range(21, 50));
    expect(watch.cursor).toBe(50);
  });

  it("serves several watches of one execution, each from its own place", async () => {
    const server = await fakeServer();
    server.start("a");
    server.log("a", ...range(3, 100).map(String));
    const connection = connectTo(server, options);
    const [late, all, tail] = [new Collected(), new Collected(), new Collected()];
    connection.watchExecution("a", { since: 80 }, late.handlers);
    await late.until(() => late.events.length === 20);
    connection.watchExecution("a", {}, all.handlers);
    connection.watchExecution("a", { tail: 5 }, tail.handlers);
    await all.until(() => all.events.length === 100);
    await tail.until(() => tail.events.length === 5);
    server.log("a", "101");
    server.complete("a");
    await Promise.all([late.end(), all.end(), tail.end()]);
    expect(late.seqs).toEqual(range(81, 102));
    expect(all.seqs).toEqual(range(1, 102));
    expect(tail.seqs).toEqual(range(96, 102));
  });

  it("pauses, goes on at its place, and moves", async () => {
    const server = await fakeServer();
    server.start("a");
    const connection = connectTo(server, options);
    const seen = new Collected();
    const watch = connection.watchExecution("a", {}, seen.handlers);
    await seen.until(() => seen.events.length === 2);
    watch.pause();
    server.log("a", ...range(3, 60).map(String));
    expect(await connection.status("a")).toMatchObject({ head: 60 });
    expect(watch.cursor).toBe(2);
    expect(seen.events.length).toBe(2);
    watch.resume();
    await seen.until(() => seen.events.length === 60);
    expect(seen.seqs).toEqual(range(1, 60));
    watch.seek({ since: 50 });
    await seen.until(() => seen.events.length === 70);
    expect(seen.seqs.slice(60)).toEqual(range(51, 60));
    watch.close();
    watch.close();
    server.log("a", "61");
    expect(await connection.status("a")).toMatchObject({ head: 61 });
    expect(seen.events.length).toBe(70);
  });

  it("says what the server refuses, to whom it concerns", async () => {
    const server = await fakeServer();
    server.start("good");
    const connection = connectTo(server, options);
    const [good, missing, ahead] = [new Collected(), new Collected(), new Collected()];
    connection.watchExecution("good", {}, good.handlers);
    connection.watchExecution("missing", {}, missing.handlers);
    connection.watchExecution("good-too", {}, new Collected().handlers).close();
    await missing.until(() => missing.errors.length > 0);
    expect(missing.errors[0]).toBeInstanceOf(RequestError);
    expect(missing.errors[0]).toMatchObject({ code: "not_found", retryable: false });
    await good.until(() => good.events.length === 2);
    server.start("short");
    connection.watchExecution("short", { since: 1000 }, ahead.handlers);
    await ahead.until(() => ahead.errors.length > 0);
    expect(ahead.errors[0]).toMatchObject({ code: "bad_request", details: { head: 2 } });
    server.log("good", "goes on");
    await good.until(() => good.events.length === 3);
    expect(good.errors).toEqual([]);
    await expect(connection.status("missing")).rejects.toMatchObject({ code: "not_found" });
  });

  it("lets go of an execution that has vanished, and keeps the others", async () => {
    const server = await fakeServer();
    server.start("a");
    server.start("b");
    const connection = connectTo(server, options);
    const [a, b] = [new Collected(), new Collected()];
    connection.watchExecution("a", {}, a.handlers);
    connection.watchExecution("b", {}, b.handlers);
    await a.until(() => a.events.length === 2);
    await b.until(() => b.events.length === 2);
    server.forget("a");
    server.drop();
    await a.until(() => a.errors.length > 0);
    expect(a.errors[0]).toMatchObject({ code: "not_found" });
    server.log("b", "still here");
    await b.until(() => b.events.length === 3);
    expect(b.errors).toEqual([]);
  });

  it("follows the lifecycle of all executions, each event once", async () => {
    const server = await fakeServer();
    server.start("e1", "first");
    server.log("e1", "not for the feed");
    const connection = connectTo(server, options);
    const snapshots: string[][] = [];
    const events: LifecycleEvent[] = [];
    const changed = new Collected();
    connection.watchExecutions(
      {},
      {
        onSnapshot: (executions) => {
          snapshots.push(executions.map(({ executionId }) => executionId));
          changed.handlers.onSubscribed({ from: 0, head: 0 });
        },
        onEvents: (batch) => {
          events.push(...batch);
          changed.handlers.onEvents([]);
        },
      },
    );
    await changed.until(() => snapshots.length > 0);
    expect(snapshots[0]).toEqual(["e1"]);
    // Its log is watched too: what the watch brings is not lost to the feed.
    const log = new Collected();
    connection.watchExecution("e1", {}, log.handlers);
    await log.until(() => log.events.length === 3);
    server.start("e2", "second");
    server.log("e2", "nor this");
    server.complete("e1");
    await log.end();
    await server.until(() => true);
    server.complete("e2");
    const known = (id: string) =>
      events.filter(({ executionId }) => executionId === id).map(({ type }) => type);
    await changed.until(
      () => known("e2").includes("execution:completed") || snapshots.at(-1)?.includes("e2") === true,
    );
    // The log's own history is no news.
    expect(known("e1").filter((type) => type === "execution:queued")).toEqual([]);
    if (transport === "websocket") {
      expect(known("e1")).toEqual(["execution:completed"]);
      expect(known("e2")).toEqual(["execution:queued", "execution:started", "execution:completed"]);
    }
    expect(new Set(events.map(({ executionId, seq }) => `${executionId} ${seq}`)).size).toBe(events.length);
  });

  it("gives the host's figures", async () => {
    const server = await fakeServer();
    const connection = connectTo(server, options);
    const cpu = await new Promise<number>((resolve, reject) => {
      const watch = connection.watchSystem(1000, {
        onStatus: (status) => {
          watch.close();
          resolve(status.cpu);
        },
        onError: reject,
      });
    });
    expect(cpu).toBe(12.5);
  });

  it("says that a permission is missing, and goes on with the rest", async () => {
    const server = await fakeServer({ permissions: ["executions:read"] });
    server.start("a");
    const connection = connectTo(server, options);
    const error = await new Promise<Error>((resolve) => {
      connection.watchSystem(1000, { onStatus: () => {}, onError: resolve });
    });
    expect(error).toMatchObject({ code: "forbidden" });
    const seen = new Collected();
    connection.watchExecution("a", {}, seen.handlers);
    await seen.until(() => seen.events.length === 2);
    expect(connection.state.history).toEqual([]);
  });

  it("searches, and gives pages as they come", async () => {
    const server = await fakeServer();
    server.start("a");
    const golden = goldenLines("replies.ndjson").find((line) => line.includes("logs:matches")) ?? "";
    const pages = [
      JSON.parse(golden.replace(/,\{"seq":9007199254740991,"ranges":\[\]\}/, "")) as { type: string },
      {
        type: "logs:matches",
        executionId: "a",
        matches: [{ seq: 9, ranges: [[1, 2]] }],
        total: 2,
        complete: false,
      },
    ];
    server.answer = ({ type, id = "" }) =>
      type === "logs:search"
        ? [...pages.map((page) => ({ ...page, id })), { type: "ack", id, total: 3, complete: true }]
        : undefined;
    const found: SearchMatch[] = [];
    let total = 0;
    for await (const page of connectTo(server, options).search("a", { query: "full" })) {
      found.push(...page.matches);
      total = page.total;
    }
    expect(found.map(({ seq }) => seq)).toEqual([7, 9]);
    expect(found[0]?.ranges).toEqual([
      [0, 4],
      [8, 10],
    ]);
    expect(total).toBe(3);
    server.answer = ({ type, id = "" }) =>
      type === "logs:search"
        ? [{ type: "error", id, code: "bad_request", message: "no such expression", retryable: false }]
        : undefined;
    const failing = connectTo(server, options).search("a", { query: "(" });
    await expect(failing[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "bad_request" });
  });

  it("answers requests with their errors, typed", async () => {
    const server = await fakeServer();
    const errors = goldenLines("replies.ndjson")
      .map((line) => JSON.parse(line) as { type: string; code: string; message: string })
      .filter(({ type, code }) => type === "error" && code !== "rate_limited");
    const connection = connectTo(server, options);
    for (const error of errors) {
      server.answer = ({ type, id = "" }) => (type === "agent:cancel" ? [{ ...error, id }] : undefined);
      const failed = await connection.cancel("a").catch((reason: unknown) => reason);
      expect(failed).toBeInstanceOf(RequestError);
      expect(failed).toMatchObject({ code: error.code, message: error.message });
    }
    expect(errors.length).toBeGreaterThan(10);
  });

  it("waits and tries again when the server is asked too fast", async () => {
    const server = await fakeServer();
    let refused = 0;
    server.answer = ({ type, id = "" }) =>
      type === "agent:execute" && refused++ < 2
        ? [{ type: "error", id, code: "rate_limited", message: "wait", retryable: true, retryAfterMs: 20 }]
        : undefined;
    const { executionId } = await connectTo(server, options).execute({ agentType: "x" });
    expect(executionId).toBe("e0");
    expect(refused).toBe(3);
  });

  it("ignores what it does not know", async () => {
    const server = await fakeServer();
    server.start("01kafz6v3q8m5n2w9r4t7y1hjd");
    const connection = connectTo(server, options);
    await connection.ready();
    const seen = new Collected();
    connection.watchExecution("01kafz6v3q8m5n2w9r4t7y1hjd", {}, seen.handlers);
    await seen.until(() => seen.events.length === 2);
    if (transport !== "poll") server.say(goldenFrame("malformed.ndjson").split("\n").slice(0, 19).join("\n"));
    server.append("01kafz6v3q8m5n2w9r4t7y1hjd", { type: "execution:checkpoint", label: "new" });
    server.complete("01kafz6v3q8m5n2w9r4t7y1hjd");
    await seen.end();
    expect(seen.events[2]).toMatchObject({
      type: "unknown",
      seq: 3,
      fields: { type: "execution:checkpoint", label: "new" },
    });
    expect(seen.seqs).toEqual([1, 2, 3, 4]);
  });
});
