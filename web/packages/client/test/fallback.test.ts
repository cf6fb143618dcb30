import { describe, expect, it } from "vitest";
import type { TransportName } from "../src/index.js";
import { Collected, connectTo, fakeServer, range, stateIs } from "./helpers.js";

describe("falling back", () => {
  it.each([
    [["websocket"], "sse"],
    [["websocket", "sse"], "poll"],
  ] as [TransportName[], TransportName][])("with %j blocked it takes %s", async (blocked, taken) => {
    const server = await fakeServer();
    for (const name of blocked) server.blocked.add(name);
    const connection = connectTo(server);
    await connection.ready();
    // The first try is enough: the others are part of it.
    expect(connection.state).toMatchObject({ transport: taken, attempt: 0 });
    expect(connection.state.history).toEqual([]);
  });

  it("does without WebSocket where there is none", async () => {
    const server = await fakeServer();
    const connection = connectTo(server, { WebSocket: undefined });
    await connection.ready();
    expect(connection.state.transport).toBe(typeof WebSocket === "undefined" ? "sse" : "websocket");
  });

  it("goes on at the next event when WebSocket and then SSE are blocked in mid-run, and returns", async () => {
    const server = await fakeServer();
    server.start("a");
    const connection = connectTo(server, { returnAfterMs: 30 });
    const seen = new Collected();
    connection.watchExecution("a", {}, seen.handlers);
    const used: (TransportName | null)[] = [];
    connection.subscribe(() => {
      const { status, transport } = connection.state;
      if (status === "open" && transport !== used.at(-1)) used.push(transport);
    });
    let written = 2;
    const write = async (n: number) => {
      for (let i = 0; i < n; i++) server.log("a", `line ${++written}`);
      await seen.until(() => seen.events.length >= written);
    };
    await write(100);
    expect(connection.state.transport).toBe("websocket");

    server.blocked.add("websocket");
    server.drop();
    await write(100);
    expect(connection.state.transport).toBe("sse");

    server.blocked.add("sse");
    server.drop();
    await write(100);
    expect(connection.state.transport).toBe("poll");

    server.blocked.delete("sse");
    await stateIs(connection, ({ transport }) => transport === "sse");
    await write(100);

    server.blocked.clear();
    await stateIs(connection, ({ transport }) => transport === "websocket");
    await write(100);
    server.complete("a");
    await seen.end();
    expect(used).toEqual(["websocket", "sse", "poll", "sse", "websocket"]);
    expect(seen.seqs).toEqual(range(1, 503));
    expect(seen.errors).toEqual([]);
    // Returning is no loss of the connection, and the old way is let go.
    expect(connection.state.history).toHaveLength(2);
    await server.until(() => server.readers === 1);
  });

  it("answers what was asked over the old transport while it moves to the new one", async () => {
    const server = await fakeServer();
    server.blocked.add("websocket");
    const connection = connectTo(server, { returnAfterMs: 20 });
    await connection.ready();
    expect(connection.state.transport).toBe("sse");
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.beforeAnswer = () => held;
    const early = connection.cancel("a");
    await server.until(() => server.received.some(({ type }) => type === "agent:cancel"));
    server.blocked.clear();
    await stateIs(connection, ({ transport }) => transport === "websocket");
    release();
    await expect(early).resolves.toMatchObject({ type: "ack" });
    expect(server.received.filter(({ type }) => type === "agent:cancel")).toHaveLength(1);
  });

  it("says what is wrong when nothing works", async () => {
    const server = await fakeServer();
    for (const name of ["websocket", "sse", "poll"] as const) server.blocked.add(name);
    const connection = connectTo(server, { reconnect: { maxAttempts: 2 } });
    const state = await stateIs(connection, ({ status }) => status === "failed");
    expect(state.problem).toMatchObject({ type: "server", httpStatus: 502 });
    expect(state.history).toHaveLength(3);
    await server.stop();
  });

  it("tries no other transport when the host does not answer at all", async () => {
    const asked: string[] = [];
    const connection = connectTo(
      { url: "http://127.0.0.1:9" },
      {
        transports: ["sse", "poll"],
        reconnect: { maxAttempts: 0 },
        fetch: (input, init) => {
          asked.push(String(input));
          return fetch(input, init);
        },
      },
    );
    const state = await stateIs(connection, ({ status }) => status === "failed");
    expect(asked).toEqual(["http://127.0.0.1:9/api/events"]);
    expect(state.problem?.type).toBe("network");
  });
});

describe("limits over HTTP", () => {
  it.each(["websocket", "sse", "poll"] as const)(
    "send what goes over them over further connections (%s)",
    async (transport) => {
      const server = await fakeServer({ limits: { maxSubscriptions: 2 } });
      const connection = connectTo(server, { transports: [transport] });
      // The first five do not know the limit yet, the others do.
      const ids = ["a", "b", "c", "d", "e", "f", "g"];
      const seen = new Map(ids.map((id) => [id, new Collected()]));
      for (const id of ids) server.start(id);
      const watch = (id: string) =>
        connection.watchExecution(id, {}, seen.get(id)?.handlers ?? new Collected().handlers);
      const watches = ids.slice(0, 5).map(watch);
      await connection.ready();
      watches.push(...ids.slice(5).map(watch));
      for (const [, one] of seen) await one.until(() => one.events.length === 2);
      for (const id of ids) server.log(id, "a line");
      for (const [, one] of seen) await one.until(() => one.events.length === 3);
      for (const [, one] of seen) {
        expect(one.errors).toEqual([]);
        expect(one.events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      }
      expect(connection.state.history).toEqual([]);
      watches[6]?.pause();
      server.log("g", "not heard");
      watches[6]?.resume();
      await seen.get("g")?.until(() => seen.get("g")?.events.length === 4);
      for (const one of watches) one.close();
      connection.close();
      // A poll is one reader each time; the others are one for each connection.
      if (transport !== "poll") await server.until(() => server.readers === 0);
    },
  );
});

describe("credentials over HTTP", () => {
  it.each(["sse", "poll"] as const)(
    "go into a header, and are replaced when refused (%s)",
    async (transport) => {
      const server = await fakeServer({ token: "one" });
      const reasons: string[] = [];
      const connection = connectTo(server, {
        transports: [transport],
        credential: {
          kind: "token",
          token: ({ reason }) => {
            reasons.push(reason);
            return reason === "expired" ? "two" : "one";
          },
        },
      });
      await connection.ready();
      server.start("a");
      const seen = new Collected();
      connection.watchExecution("a", {}, seen.handlers);
      await seen.until(() => seen.events.length === 2);
      server.token = "two";
      server.drop();
      server.log("a", "after the change");
      await seen.until(() => seen.events.length === 3);
      expect(reasons).toEqual(["connect", "expired"]);
      expect(new Set(server.tokens)).toEqual(new Set(["one", "two"]));
    },
  );

  it("that are wrong and fixed end it, whatever the transport", async () => {
    const server = await fakeServer({ token: "right" });
    for (const transports of [["sse"], ["poll"], ["websocket"]] as TransportName[][]) {
      const connection = connectTo(server, { transports, credential: { kind: "token", token: "wrong" } });
      const state = await stateIs(connection, ({ status }) => status === "failed");
      expect(state.problem).toMatchObject({ type: "unauthenticated", recoverable: false });
      await expect(connection.ready()).rejects.toMatchObject({ problem: { type: "unauthenticated" } });
    }
  });

  it("are changed for a ticket when the upgrade is to carry one", async () => {
    const server = await fakeServer({ token: "secret" });
    const connection = connectTo(server, {
      transports: ["websocket"],
      credential: { kind: "token", token: "secret", upgrade: "ticket" },
    });
    await connection.ready();
    expect(connection.state.transport).toBe("websocket");
    expect(server.received.filter(({ type }) => type === "auth")).toEqual([]);
    server.drop();
    await stateIs(connection, ({ attempt }) => attempt === 1);
    await connection.ready();
    expect(server.tickets.size).toBe(0); // each was used up
  });
});
