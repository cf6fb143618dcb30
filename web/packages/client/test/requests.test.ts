import { describe, expect, it } from "vitest";
import { ConnectionError, QueueFullError, type SearchMatch, TimeoutError } from "../src/index.js";
import { allTransports, connectTo, fakeServer } from "./helpers.js";

describe("requests", () => {
  it("are paired by id, whatever the order of the answers", async () => {
    const server = await fakeServer();
    const held: { id?: string; executionId?: unknown }[] = [];
    server.answer = (message) => {
      if (message.type !== "agent:cancel") return undefined;
      held.push(message);
      if (held.length < 3) return null;
      return held
        .reverse()
        .map(({ id, executionId }) => ({ type: "ack", ...(id ? { id } : {}), executionId }));
    };
    const connection = connectTo(server, { transports: ["websocket"] });
    const acks = await Promise.all(["a", "b", "c"].map((id) => connection.cancel(id)));
    expect(acks.map(({ executionId }) => executionId)).toEqual(["a", "b", "c"]);
  });

  it("time out, and say whether they were sent", async () => {
    const server = await fakeServer();
    server.answer = ({ type }) => (type === "agent:cancel" ? null : undefined);
    const connection = connectTo(server, { transports: ["websocket"] });
    await connection.ready();
    await expect(connection.cancel("a", "no need", { timeoutMs: 20 })).rejects.toThrow(
      new TimeoutError("agent:cancel was not answered within 20 ms"),
    );
    const lonely = connectTo({ url: "http://127.0.0.1:9" }, { transports: ["sse"] });
    await expect(lonely.cancel("a", "no need", { timeoutMs: 20 })).rejects.toThrow(
      /could not be sent within 20 ms/,
    );
  });

  it("are abandoned by a signal, with its reason", async () => {
    const server = await fakeServer();
    server.answer = ({ type }) => (type === "agent:cancel" ? null : undefined);
    const connection = connectTo(server, { transports: ["websocket"] });
    const stop = new AbortController();
    const request = connection.cancel("a", undefined, { signal: stop.signal });
    await server.until(() => server.received.some(({ type }) => type === "agent:cancel"));
    stop.abort(new Error("changed my mind"));
    await expect(request).rejects.toThrow("changed my mind");
    await expect(connection.cancel("b", undefined, { signal: stop.signal })).rejects.toThrow(
      "changed my mind",
    );
    expect(server.received.filter(({ executionId }) => executionId === "b")).toEqual([]);
  });

  it.each(allTransports)(
    "are sent again after a lost connection, and start nothing twice (%s)",
    async (transport) => {
      const server = await fakeServer();
      const keys = new Map<unknown, number>();
      server.answer = (message) => {
        if (message.type !== "agent:execute") return undefined;
        const times = (keys.get(message.idempotencyKey) ?? 0) + 1;
        keys.set(message.idempotencyKey, times);
        if (times < 3) {
          server.drop(); // it has arrived, and its answer is lost
          return null;
        }
        return undefined;
      };
      const connection = connectTo(server, { transports: [transport] });
      await expect(connection.execute({ agentType: "x" })).resolves.toMatchObject({ executionId: "e0" });
      expect([...keys.values()]).toEqual([3]);
      expect([...keys.keys()][0]).toMatch(/^[0-9a-f]{32}$/);
      server.answer = () => undefined;
      await connection.execute({ agentType: "x", idempotencyKey: "mine" });
      expect(server.received.at(-1)).toMatchObject({ idempotencyKey: "mine", subscribe: false });
    },
  );

  it("that must not be repeated fail when the connection is lost on the way", async () => {
    const server = await fakeServer();
    server.answer = ({ type }) => {
      if (type !== "agent:input" && type !== "agent:execute") return undefined;
      server.drop();
      return null;
    };
    const connection = connectTo(server, { transports: ["websocket"] });
    await expect(connection.input("a", { text: "y" })).rejects.toBeInstanceOf(ConnectionError);
    await expect(connection.request({ type: "agent:execute", agentType: "x" })).rejects.toBeInstanceOf(
      ConnectionError,
    );
    expect(server.received.filter(({ type }) => type === "agent:input")).toHaveLength(1);
    expect(server.received.filter(({ type }) => type === "agent:execute")).toHaveLength(1);
  });

  it("wait for the connection, and fail when it is closed", async () => {
    const server = await fakeServer();
    const connection = connectTo(server, { transports: ["websocket"] });
    const early = connection.execute({ agentType: "x" });
    await expect(early).resolves.toMatchObject({ executionId: "e0" });
    server.answer = () => null;
    const late = connection.cancel("e0");
    connection.close();
    await expect(late).rejects.toBeInstanceOf(ConnectionError);
    await expect(connection.cancel("e0")).rejects.toBeInstanceOf(ConnectionError);
    await expect(connection.ready()).rejects.toBeInstanceOf(ConnectionError);
  });

  it("of one moment share a frame, and what is urgent goes first", async () => {
    const server = await fakeServer();
    const connection = connectTo(server, { transports: ["websocket"] });
    const frames: string[] = [];
    server.frame = (frame) => frames.push(frame);
    const requests = [
      ...["a", "b", "c"].map((id) => connection.request({ type: "logs:unsubscribe", executionId: id })),
      connection.request({ type: "executions:unsubscribe" }, { priority: "low" }),
      connection.cancel("urgent"),
    ];
    await Promise.all(requests);
    const sent = frames.map((frame) =>
      frame
        .split("\n")
        .filter((line) => !line.includes('"ping"'))
        .map((line) => (JSON.parse(line) as { executionId?: string; type: string }).executionId ?? "low"),
    );
    expect(sent.filter((types) => types.length > 0)).toEqual([["urgent", "a", "b", "c", "low"]]);
  });

  it("never make a frame larger than the server takes, and refuse a message that is", async () => {
    const server = await fakeServer({ limits: { maxMessageBytes: 1000 } });
    const connection = connectTo(server, { transports: ["websocket"] });
    await connection.ready();
    const sizes: number[] = [];
    server.frame = (frame) => sizes.push(Buffer.byteLength(frame));
    await Promise.all(Array.from({ length: 50 }, (_, i) => connection.cancel(`é${i}`.repeat(20))));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
    expect(sizes.length).toBeGreaterThan(1);
    const large = connection.execute({ agentType: "x", config: { text: "é".repeat(600) } });
    await expect(large).rejects.toMatchObject({ code: "too_large" });
    await expect(connection.cancel("a")).resolves.toMatchObject({ type: "ack" });
  });

  it("tell at once when too much waits", async () => {
    const connection = connectTo(
      { url: "http://127.0.0.1:9" },
      { transports: ["sse"], queue: { maxMessages: 3, maxChars: 1000 } },
    );
    const waiting = [1, 2, 3].map((i) => connection.cancel(`a${i}`).catch((error: unknown) => error));
    await expect(connection.cancel("a4")).rejects.toBeInstanceOf(QueueFullError);
    connection.close();
    expect(await Promise.all(waiting)).toEqual([
      expect.any(ConnectionError),
      expect.any(ConnectionError),
      expect.any(ConnectionError),
    ]);
    const large = connectTo({ url: "http://127.0.0.1:9" }, { transports: ["sse"], queue: { maxChars: 100 } });
    await expect(large.cancel("a", "x".repeat(100))).rejects.toThrow(
      /0 messages .* wait to be sent, and 1000 \(100\) may/,
    );
  });
});

describe("search", () => {
  it.each(["next", "previous"] as const)(
    "goes on after a lost connection without giving a match twice (%s)",
    async (direction) => {
      const server = await fakeServer();
      const seqs = direction === "next" ? [1, 2, 3, 4, 5, 6] : [6, 5, 4, 3, 2, 1];
      const matches = (from: number, to: number) =>
        seqs.slice(from, to).map((seq) => ({ seq, ranges: [[0, 1]] }));
      let times = 0;
      server.answer = ({ type, id = "" }) => {
        if (type !== "logs:search") return undefined;
        const page = (from: number, to: number) => ({
          type: "logs:matches",
          id,
          matches: matches(from, to),
          total: to,
          complete: false,
        });
        if (++times === 1) return [page(0, 2), page(2, 4)];
        return [page(0, 3), page(3, 6), { type: "ack", id, total: 6, complete: true }];
      };
      const found: SearchMatch[] = [];
      let complete = false;
      for await (const page of connectTo(server, { transports: ["websocket"] }).search("a", {
        query: "x",
        direction,
      })) {
        found.push(...page.matches);
        complete = page.complete;
        if (found.length === 4 && times === 1) server.drop();
      }
      expect(found.map(({ seq }) => seq)).toEqual(seqs);
      expect(complete).toBe(true);
      expect(times).toBe(2);
    },
  );

  it("is abandoned by leaving the loop, or by a signal", async () => {
    const server = await fakeServer();
    server.answer = ({ type, id = "" }) =>
      type === "logs:search"
        ? [{ type: "logs:matches", id, matches: [{ seq: 1, ranges: [] }], total: 1, complete: false }]
        : undefined;
    const connection = connectTo(server, { transports: ["websocket"] });
    for await (const page of connection.search("a", { query: "x" })) {
      expect(page.total).toBe(1);
      break;
    }
    const stop = new AbortController();
    const rest = async () => {
      for await (const _ of connection.search("a", { query: "x" }, { signal: stop.signal }))
        stop.abort(new Error("enough"));
    };
    await expect(rest()).rejects.toThrow("enough");
    await expect(async () => {
      for await (const _ of connection.search("a", { query: "x" }, { timeoutMs: 20 }));
    }).rejects.toBeInstanceOf(TimeoutError);
  });
});
