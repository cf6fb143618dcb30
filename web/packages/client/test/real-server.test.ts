import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credential, createApi, type LogEvent } from "../src/index.js";
import { allTransports, Collected, connectTo, range, seeded, stateIs } from "./helpers.js";
import { RealServer } from "./real-server.js";

const lines = 6000;

/** Writes numbered lines with a checksum each, some 2,000 a second. */
const agent = `
name: numbered
command:
  - node
  - -e
  - |
    const { createHash } = require("node:crypto");
    const last = Number(process.argv[1]);
    let n = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < 20 && n < last; i++) {
        const text = "line " + ++n;
        console.log(text + " " + createHash("sha256").update(text).digest("hex").slice(0, 16));
      }
      if (n === last) clearInterval(timer);
    }, 10);
  - "{{count}}"
parameters:
  type: object
  properties:
    count: {type: integer, default: ${lines}}
`;

describe("against the real server", () => {
  let started: RealServer | undefined;
  let server: RealServer;
  let credential: Credential;

  beforeAll(async () => {
    server = new RealServer({ numbered: agent });
    started = server;
    await server.start();
    credential = { kind: "token", token: server.token };
  }, 300_000);
  afterAll(() => started?.stop());

  it("loses and doubles nothing when it is killed again and again, over any transport", async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
    const random = seeded(seed);
    const starter = connectTo(server, { credential });
    const { executionId } = await starter.execute({ agentType: "numbered" });
    const readers = allTransports.map((transport) => {
      const seen = new Collected();
      const connection = connectTo(server, {
        credential,
        transports: [transport],
        reconnect: { baseMs: 20, maxMs: 200 },
      });
      connection.watchExecution(executionId, {}, seen.handlers);
      const opened = { times: 0 };
      let since: number | null = null;
      connection.subscribe(() => {
        const { openSince } = connection.state;
        if (openSince !== null && openSince !== since) opened.times++;
        since = openSince;
      });
      return { transport, seen, opened };
    });
    let kills = 0;
    const [first] = readers;
    while (first !== undefined && kills < 5) {
      const at = first.seen.events.length + Math.floor(random() * 800);
      await first.seen.until(() => first.seen.events.length >= at || first.seen.ended !== undefined);
      if (first.seen.ended !== undefined) break;
      await server.kill();
      kills++;
      await server.start();
    }
    await Promise.all(readers.map(({ seen }) => seen.end()));
    const { events: stored } = await createApi({ url: server.url, credential }).executions.events(
      executionId,
    );

    for (const { transport, seen, opened } of readers) {
      const logs = seen.events.filter(
        (event): event is LogEvent => event.type === "execution:log" && event.stream === "stdout",
      );
      const numbers = logs.map(({ message }) => {
        const [, text = "", sum] = /^(line \d+) (\w{16})$/.exec(message) ?? [];
        expect(createHash("sha256").update(text).digest("hex").slice(0, 16)).toBe(sum);
        return Number(text.slice("line ".length));
      });
      const duplicates = seen.seqs.length - new Set(seen.seqs).size;
      process.stdout.write(
        `${transport}: acked ${lines} / stored ${stored.length} / delivered ${seen.events.length} / gaps ${seen.gaps.length} / duplicates ${duplicates} (kills ${kills}, connections ${opened.times}, seed ${seed})\n`,
      );
      expect(seen.errors).toEqual([]);
      expect(seen.gaps).toEqual([]);
      expect(seen.seqs).toEqual(range(1, stored.length));
      expect(numbers).toEqual(range(1, lines));
      expect(seen.events).toEqual(stored);
      expect(seen.ended).toBe("execution:completed");
      expect(seen.events.filter(({ type }) => type === "execution:started")).toHaveLength(1);
    }
    expect(kills).toBeGreaterThan(0);
  });

  it.each(allTransports)("answers, refuses and feeds over %s", async (transport) => {
    const connection = connectTo(server, { credential, transports: [transport] });
    await connection.ready();
    expect(connection.state).toMatchObject({ transport, user: { id: "owner", permissions: ["admin"] } });
    expect(connection.state.limits?.maxMessageBytes).toBeGreaterThan(0);

    const told = new Collected();
    const lifecycle: string[] = [];
    connection.watchExecutions(
      {},
      {
        onSnapshot: (executions) => {
          for (const { executionId, status, terminal } of executions)
            if (terminal) lifecycle.push(`${executionId} ${status}`);
          told.handlers.onEvents([]);
        },
        onEvents: (events) => {
          for (const { executionId, type } of events)
            lifecycle.push(`${executionId} ${type.replace("execution:", "")}`);
          told.handlers.onEvents([]);
        },
      },
    );
    const { executionId } = await connection.execute({ agentType: "numbered", config: { count: 1_000_000 } });
    const seen = new Collected();
    const watch = connection.watchExecution(executionId, { tail: 10 }, seen.handlers);
    await seen.until(() => seen.events.length > 100);
    expect(seen.seqs).toEqual(range(seen.seqs[0] ?? 0, watch.cursor));
    expect(await connection.status(executionId)).toMatchObject({
      executionId,
      agentType: "numbered",
      terminal: false,
    });
    await connection.cancel(executionId, "seen enough");
    await seen.end();
    expect(seen.events.at(-1)).toMatchObject({
      type: "execution:cancelled",
      reason: "seen enough",
      by: "owner",
    });
    await told.until(() => lifecycle.includes(`${executionId} cancelled`));

    await expect(connection.execute({ agentType: "nobody" })).rejects.toMatchObject({ code: "not_found" });
    await expect(connection.execute({ agentType: "numbered", config: { count: "x" } })).rejects.toMatchObject(
      { code: "bad_request" },
    );
    const missing = new Collected();
    connection.watchExecution("01kafz6v3q8m5n2w9r4t7y1hjd", {}, missing.handlers);
    await missing.end();
    expect(missing.errors[0]).toMatchObject({ code: "not_found" });
    const ahead = new Collected();
    connection.watchExecution(executionId, { since: 99_999_999 }, ahead.handlers);
    await ahead.end();
    expect(ahead.errors[0]).toMatchObject({ code: "bad_request" });
    const cpu = await new Promise<number>((resolve, reject) => {
      connection.watchSystem(1000, { onStatus: (status) => resolve(status.memory.total), onError: reject });
    });
    expect(cpu).toBeGreaterThan(0);
    expect(connection.state.history).toEqual([]);
  });

  it("refuses a wrong token, whatever the transport", async () => {
    for (const transport of allTransports) {
      const connection = connectTo(server, {
        transports: [transport],
        credential: { kind: "token", token: "wrong" },
      });
      const state = await stateIs(connection, ({ status }) => status === "failed");
      expect(state.problem).toMatchObject({ type: "unauthenticated", recoverable: false });
    }
  });

  it("opens by a ticket", async () => {
    const connection = connectTo(server, {
      transports: ["websocket"],
      credential: { kind: "token", token: server.token, upgrade: "ticket" },
    });
    await connection.ready();
    expect(connection.state).toMatchObject({ status: "open", transport: "websocket" });
  });

  it("gives agents and pages over REST", async () => {
    const api = createApi({ url: server.url, credential });
    expect((await api.agents.list()).agents.map(({ name }) => name)).toContain("numbered");
    const page = await api.executions.list({ limit: 1, count: true, agentType: "numbered" });
    expect(page.executions).toHaveLength(1);
    expect(page.total).toBeGreaterThan(1);
    const next = await api.executions.list({ limit: 1, cursor: page.next, agentType: "numbered" });
    expect(next.executions[0]?.executionId).not.toBe(page.executions[0]?.executionId);
    expect((await api.system.get()).memory.total).toBeGreaterThan(0);
    await expect(api.executions.get("01kafz6v3q8m5n2w9r4t7y1hjd")).rejects.toMatchObject({
      code: "not_found",
      httpStatus: 404,
    });
  });
});
