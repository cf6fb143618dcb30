// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, expect, test } from "vitest";
import { Run } from "../examples/agent-form.js";
import { Panel } from "../examples/dashboard.js";
import { Tail } from "../examples/own-viewer.js";
import { StatusBar } from "../examples/status-bar.js";
import { ClaudeOpsProvider } from "../src/context.js";
import { newLog, newRecord, newWorld } from "./fake.js";

afterEach(cleanup);

/** An example on a connection that the test speaks for. */
function open(example: ReactNode, routes?: (path: string) => unknown) {
  const world = newWorld(routes);
  render(<ClaudeOpsProvider hub={world.hub}>{example}</ClaudeOpsProvider>);
  return world;
}

test("dashboard: starts an agent, lists what runs, stops it, shows its log", async () => {
  const { connection } = open(<Panel />);
  fireEvent.click(screen.getByRole("button", { name: "Check this machine" }));
  await waitFor(() => expect(connection.executed).toEqual([{ agentType: "system-health" }]));
  act(() => connection.executions?.onSnapshot([newRecord("e1", { agentType: "system-health" })]));
  await screen.findByRole("button", { name: "system-health" });
  expect(screen.getByRole("log")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  await waitFor(() => expect(connection.cancelled).toEqual(["e1"]));
});

test("own-viewer: draws the last lines", async () => {
  const { connection } = open(<Tail executionId="a" />, () => newRecord("a"));
  const log = connection.log("a");
  act(() => {
    log.onSubscribed?.({ from: 1, head: 2 });
    log.onEvents([newLog("a", 1, "first"), newLog("a", 2, "second")]);
  });
  await screen.findByText("second");
  expect(screen.getByText("2 lines")).toBeTruthy();
});

test("agent-form: runs an agent with what was filled in", async () => {
  const started: string[] = [];
  const { connection } = open(
    <Run
      agent={{
        name: "disk-report",
        parameters: { type: "object", properties: { path: { type: "string", default: "/" } } },
      }}
      onStarted={(id) => started.push(id)}
    />,
  );
  fireEvent.change(screen.getByRole("textbox"), { target: { value: "/srv" } });
  fireEvent.click(screen.getByRole("button", { name: "Run" }));
  await waitFor(() => expect(started).toEqual(["e1"]));
  expect(connection.executed).toEqual([{ agentType: "disk-report", config: { path: "/srv" } }]);
});

test("status-bar: says how things stand and tries again when told to", async () => {
  const { connection } = open(<StatusBar />);
  act(() => {
    connection.set({ status: "open", latencyMs: 2.4 });
    connection.executions?.onSnapshot([newRecord("a"), newRecord("b")]);
  });
  await screen.findByText(/live, 2 ms/);
  await screen.findByText("2 running");
  act(() => connection.set({ status: "reconnecting", attempt: 3 }));
  fireEvent.click(await screen.findByRole("button", { name: "now" }));
  expect(connection.retries).toBe(1);
});
