import { describe, expect, it } from "vitest";
import type { ExecutionRecord, LifecycleEvent, SystemStatusMessage } from "../src/index.js";
import type { Message } from "./fake-server.js";
import { goldenLines } from "./golden.js";
import { Collected, connectTo, fakeServer } from "./helpers.js";

const messagesOf = (name: string) =>
  goldenLines(name).map((line) => JSON.parse(line) as Message & { executionId: string; seq: number });

describe("golden sessions", () => {
  it.each(["session-completed.ndjson", "session-failed.ndjson", "session-cancelled.ndjson"])(
    "%s comes through whole",
    async (name) => {
      const server = await fakeServer();
      const events = messagesOf(name).filter(({ seq }) => seq !== undefined);
      const of = (id: unknown) => events.filter(({ executionId }) => executionId === id);
      server.answer = ({ type, id = "", executionId }) =>
        type === "logs:subscribe"
          ? [
              { type: "logs:subscribed", id, executionId, from: 1, head: of(executionId).length },
              ...of(executionId),
            ]
          : undefined;
      const connection = connectTo(server, { transports: ["websocket"] });
      for (const executionId of new Set(events.map((event) => event.executionId))) {
        const seen = new Collected();
        connection.watchExecution(executionId, {}, seen.handlers);
        await seen.end();
        expect(seen.events).toEqual(of(executionId));
        expect(seen.ended).toBe(of(executionId).at(-1)?.type);
      }
    },
  );

  it("feeds.ndjson: snapshots replace, events follow, figures come", async () => {
    const server = await fakeServer();
    const all = messagesOf("feeds.ndjson");
    const connection = connectTo(server, { transports: ["websocket"] });
    await connection.ready();
    const snapshots: (readonly ExecutionRecord[])[] = [];
    const events: LifecycleEvent[] = [];
    const figures: SystemStatusMessage[] = [];
    const told = new Collected();
    server.answer = ({ type, id = "" }) => {
      if (type === "executions:subscribe") return [{ type: "executions:snapshot", id, executions: [] }];
      return type === "system:subscribe" ? [{ type: "ack", id }] : undefined;
    };
    connection.watchExecutions(
      {},
      {
        onSnapshot: (executions) => {
          snapshots.push(executions);
          told.handlers.onEvents([]);
        },
        onEvents: (batch) => {
          events.push(...batch);
          told.handlers.onEvents([]);
        },
      },
    );
    connection.watchSystem(1000, {
      onStatus: (status) => {
        figures.push(status);
        told.handlers.onEvents([]);
      },
    });
    await told.until(() => snapshots.length === 1);
    server.say(all.map((message) => JSON.stringify(message)).join("\n"));
    await told.until(() => figures.length === 2);
    expect(snapshots.map((records) => records.length)).toEqual([0, 5, 0]);
    expect(snapshots[1]).toEqual(all[0]?.executions);
    expect(events).toEqual(all.filter(({ seq }) => seq !== undefined));
    expect(figures).toEqual(all.filter(({ type }) => type === "system:status"));
  });
});
