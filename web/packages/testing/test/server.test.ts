import { connect, createApi, RequestError, type WatchedEvent } from "@claudeops/client";
import { afterEach, expect, test, vi } from "vitest";
import { FakeServer } from "../src/index.js";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
function to(server: FakeServer) {
  const connection = connect(server.options);
  open.push(connection);
  return connection;
}

test("a run is started, followed over a lost connection, and stopped", async () => {
  const server = new FakeServer();
  const connection = to(server);
  const { executionId } = await connection.execute({ agentType: "test", config: { n: 1 } });
  const events: WatchedEvent[] = [];
  connection.watchExecution(executionId, {}, { onEvents: (some) => events.push(...some) });
  server.execution(executionId).log(["one", "two"]);
  await vi.waitFor(() => expect(events).toHaveLength(4));
  server.goAway();
  await vi.waitFor(() => expect(connection.state.status).toBe("reconnecting"));
  server.execution(executionId).log("three");
  server.comeBack();
  await vi.waitFor(() => expect(events).toHaveLength(5));
  await connection.cancel(executionId, "enough");
  await vi.waitFor(() => expect(events.at(-1)?.type).toBe("execution:cancelled"));
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(server.execution(executionId).record).toMatchObject({ status: "cancelled", reason: "enough" });
});

test("the same key starts nothing twice, and what is refused is", async () => {
  const server = new FakeServer();
  const connection = to(server);
  const first = await connection.execute({ agentType: "test", idempotencyKey: "k" });
  const again = await connection.execute({ agentType: "test", idempotencyKey: "k" });
  expect(again).toMatchObject({ executionId: first.executionId, existing: true });
  server.refuse("agent:execute", { code: "rate_limited", message: "later" });
  await expect(connection.execute({ agentType: "none" })).rejects.toThrow();
  server.refuse("agent:cancel", { message: "not yours" });
  await expect(connection.cancel(first.executionId)).rejects.toThrow(
    new RequestError("forbidden", "not yours"),
  );
});

test("REST lists, reads and searches", async () => {
  const server = new FakeServer({ agents: ["a", "b"] });
  server.start("a").log("needle").fail("broken", { exitCode: 2 });
  server.start("b");
  const api = createApi(server.options);
  expect((await api.agents.list()).agents.map(({ name }) => name)).toEqual(["a", "b"]);
  const { executions, total } = await api.executions.list({ status: "failed", count: true });
  expect(total).toBe(1);
  expect(executions[0]).toMatchObject({ agentType: "a", exitCode: 2, error: "broken" });
  const id = executions[0]?.executionId ?? "";
  expect((await api.executions.events(id, { since: 2 })).events).toHaveLength(2);
  expect(await (await api.executions.log(id)).text()).toBe("needle\n");
  await expect(api.executions.get("nothing")).rejects.toMatchObject({ code: "not_found" });
  server.routes = (url) => (url.pathname === "/api/costs" ? Response.json({ totalUsd: 1 }) : undefined);
  expect(await api.get("api/costs")).toEqual({ totalUsd: 1 });
  const found: number[] = [];
  for await (const page of to(server).search(id, { query: "NEED" }))
    found.push(...page.matches.map((m) => m.seq));
  expect(found).toEqual([3]);
});
