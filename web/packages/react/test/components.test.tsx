// @vitest-environment happy-dom

import { NOT_CONNECTED } from "@claudeops/model";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AgentDashboard } from "../src/components/agent-dashboard.js";
import { AgentForm } from "../src/components/agent-form.js";
import { ConnectionIndicator, connectionWords } from "../src/components/connection-indicator.js";
import { ExecutionControl, StopButton } from "../src/components/execution-control.js";
import { LogViewer } from "../src/components/log-viewer.js";
import { ClaudeOpsProvider } from "../src/context.js";
import { newLog, newRecord, newWorld } from "./fake.js";

beforeAll(() => {
  // A page without layout has no sizes; the viewer needs some.
  Object.defineProperty(HTMLElement.prototype, "clientHeight", { configurable: true, get: () => 400 });
  Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => 800 });
});
afterEach(() => {
  cleanup();
  localStorage.clear();
});

const settled = () => act(() => new Promise((resolve) => setTimeout(resolve, 60)));

describe("LogViewer", () => {
  async function open(count: number) {
    const world = newWorld();
    render(
      <StrictMode>
        <ClaudeOpsProvider hub={world.hub}>
          <LogViewer executionId="a" permalinks={false} />
        </ClaudeOpsProvider>
      </StrictMode>,
    );
    const log = world.connection.log("a");
    log.onSubscribed?.({ from: 1, head: count });
    log.onEvents(Array.from({ length: count }, (_, i) => newLog("a", i + 1, `line ${i + 1}`)));
    await settled();
    return { world, log };
  }
  const drawn = () => [...document.querySelectorAll<HTMLElement>(".cops-log-rows > .cops-row")];

  test("draws what is seen, not what there is, and follows the end", async () => {
    const { log } = await open(5000);
    expect(drawn().length).toBeLessThan(60);
    expect(drawn().at(-1)?.textContent).toContain("line 5000");
    log.onEvents([newLog("a", 5001, "one more")]);
    await settled();
    expect(drawn().at(-1)?.textContent).toContain("one more");
  });

  test("text is text", async () => {
    const { log } = await open(1);
    log.onEvents([newLog("a", 2, "<img src=x onerror='window.owned=1'><script>window.owned=1</script>")]);
    await settled();
    expect(document.querySelector(".cops-log img, .cops-log script")).toBeNull();
    expect(drawn().at(-1)?.textContent).toContain("<img src=x");
  });

  test("pauses when one goes up, counts what is new, and goes back on request", async () => {
    const { log } = await open(1000);
    fireEvent.keyDown(screen.getByRole("log"), { key: "PageUp" });
    await settled();
    const seen = drawn().map((row) => row.dataset.seq);
    const place = document.querySelector<HTMLElement>(".cops-log-rows")?.style.transform;
    log.onEvents(Array.from({ length: 7 }, (_, i) => newLog("a", 1001 + i, "more")));
    await settled();
    // Below what is seen there may be more rows now; what is seen has not moved.
    expect(
      drawn()
        .map((row) => row.dataset.seq)
        .slice(0, seen.length),
    ).toEqual(seen);
    expect(document.querySelector<HTMLElement>(".cops-log-rows")?.style.transform).toBe(place);
    fireEvent.click(screen.getByRole("button", { name: "7 new lines ↓" }));
    await settled();
    expect(drawn().at(-1)?.dataset.seq).toBe("1007");
  });

  test("settings are remembered, filters are not", async () => {
    await open(10);
    fireEvent.click(screen.getByRole("button", { name: "Wrap" }));
    fireEvent.change(screen.getByRole("combobox", { name: "Level" }), { target: { value: "error" } });
    await settled();
    expect(drawn()).toHaveLength(0);
    expect(JSON.parse(localStorage.getItem("claudeops.log") ?? "{}")).toEqual({
      time: "local",
      wrap: true,
      numbers: true,
      progress: false,
    });
    cleanup();
    await open(10);
    expect(screen.getByRole("button", { name: "Wrap" }).getAttribute("aria-pressed")).toBe("true");
    expect(drawn()).toHaveLength(10);
  });

  test("another execution is another log", async () => {
    const world = newWorld();
    const view = render(
      <ClaudeOpsProvider hub={world.hub}>
        <LogViewer executionId="a" permalinks={false} />
      </ClaudeOpsProvider>,
    );
    world.connection.log("a").onSubscribed?.({ from: 1, head: 1 });
    world.connection.log("a").onEvents([newLog("a", 1, "of a")]);
    await settled();
    view.rerender(
      <ClaudeOpsProvider hub={world.hub}>
        <LogViewer executionId="b" permalinks={false} />
      </ClaudeOpsProvider>,
    );
    expect(screen.queryByText("of a")).toBeNull();
    world.connection.log("b").onSubscribed?.({ from: 1, head: 1 });
    world.connection.log("b").onEvents([newLog("b", 1, "of b")]);
    await settled();
    expect(screen.getByText("of b")).toBeTruthy();
  });
});

describe("AgentForm", () => {
  const agent = {
    name: "asker",
    parameters: {
      type: "object",
      required: ["path"],
      properties: { path: { type: "string" }, deep: { type: "boolean", default: true } },
    },
  };

  test("gives a config, and keeps what is missing from going out", async () => {
    const onSubmit = vi.fn();
    render(<AgentForm agent={agent} onSubmit={onSubmit} />);
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    expect(screen.getByRole("alert").textContent).toBe("This is needed.");
    expect(onSubmit).not.toHaveBeenCalled();
    fireEvent.change(screen.getByLabelText("Path"), { target: { value: "/srv" } });
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    await waitFor(() => expect(onSubmit).toHaveBeenCalledWith({ path: "/srv" }));
    fireEvent.change(screen.getByLabelText("Path"), { target: { value: "" } });
    fireEvent.click(screen.getByLabelText("Deep"));
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    await waitFor(() => expect(onSubmit).toHaveBeenLastCalledWith({ path: "", deep: false }));
    fireEvent.click(screen.getAllByRole("button", { name: "Not set" })[0] as HTMLElement);
    expect(screen.getByLabelText<HTMLInputElement>("Deep").checked).toBe(true);
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    await waitFor(() => expect(onSubmit).toHaveBeenLastCalledWith({ path: "" }));
  });

  test("draws a parameter of any name", async () => {
    const onSubmit = vi.fn();
    const odd = {
      name: "odd",
      parameters: JSON.parse(
        '{"properties":{"constructor":{"type":"string"},"__proto__":{"type":"integer","title":"Proto"}}}',
      ),
    };
    render(<AgentForm agent={odd} onSubmit={onSubmit} />);
    fireEvent.change(screen.getByLabelText(/Proto/), { target: { value: "9007199254740993" } });
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    await waitFor(() => expect(onSubmit).toHaveBeenCalled());
    const config = onSubmit.mock.calls[0]?.[0] as object;
    expect(Object.entries(config)).toEqual([["__proto__", 9007199254740993n]]);
  });

  test("puts the server's refusal where it belongs", async () => {
    const refuse = (error: unknown) => () => Promise.reject(error);
    const { rerender } = render(
      <AgentForm
        agent={agent}
        initial={{ path: "/nowhere" }}
        onSubmit={refuse({ details: { fields: [{ field: "path", message: "no such folder" }] } })}
      />,
    );
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    await waitFor(() => expect(screen.getByRole("alert").textContent).toBe("no such folder"));
    expect(screen.getByLabelText("Path").getAttribute("aria-invalid")).toBe("true");
    rerender(
      <AgentForm
        agent={agent}
        initial={{ path: "/nowhere" }}
        onSubmit={refuse(new Error("the queue is full"))}
      />,
    );
    fireEvent.click(screen.getByRole("button", { name: "Run" }));
    await waitFor(() => expect(screen.getByText("the queue is full")).toBeTruthy());
  });
});

describe("ConnectionIndicator", () => {
  const at = (change: Partial<typeof NOT_CONNECTED>) =>
    connectionWords({ ...NOT_CONNECTED, ...change }, 10_000);

  test("says each state in words", () => {
    expect(at({ status: "open", transport: "websocket", latencyMs: 1.6 })).toMatchObject({
      label: "Live",
      detail: "2 ms",
    });
    expect(at({ status: "open", transport: "poll", latencyMs: 3 })).toMatchObject({
      label: "Live",
      detail: "(polling)",
    });
    expect(at({ status: "reconnecting", attempt: 3, nextAttemptAt: 14_000 })).toMatchObject({
      label: "Reconnecting",
      detail: "try 3 in 4 s",
      canRetry: true,
    });
    expect(
      at({ status: "failed", problem: { type: "expired", message: "", recoverable: false, at: 0 } }),
    ).toMatchObject({ label: "Offline", signIn: true });
    expect(
      at({ status: "failed", problem: { type: "network", message: "no way", recoverable: true, at: 0 } }),
    ).toMatchObject({ detail: "no way", canRetry: true });
  });

  test("tries again when asked", async () => {
    const world = newWorld();
    render(
      <ClaudeOpsProvider hub={world.hub}>
        <ConnectionIndicator />
      </ClaudeOpsProvider>,
    );
    world.connection.set({ status: "reconnecting", attempt: 1, nextAttemptAt: Date.now() + 4000 });
    await settled();
    fireEvent.click(screen.getByRole("button", { name: "now" }));
    expect(world.connection.retries).toBe(1);
  });
});

test("ExecutionControl stops, and says that it does", async () => {
  const world = newWorld((path) => (path === "/api/executions/a" ? newRecord("a") : undefined));
  world.connection.set({ status: "open" });
  render(
    <ClaudeOpsProvider hub={world.hub}>
      <ExecutionControl executionId="a" />
    </ClaudeOpsProvider>,
  );
  world.connection.executions?.onSnapshot([newRecord("a")]);
  await settled();
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  await settled();
  expect(world.connection.cancelled).toEqual(["a"]);
  expect((screen.getByRole("button", { name: "Stopping…" }) as HTMLButtonElement).disabled).toBe(true);
});

test("Stop says itself what was refused, and that it is not sent while there is no connection", async () => {
  const world = newWorld(() => newRecord("a"));
  world.connection.set({ status: "open" });
  world.connection.refuseCancel = new Error("not yours");
  render(
    <ClaudeOpsProvider hub={world.hub}>
      <StopButton record={newRecord("a")} />
    </ClaudeOpsProvider>,
  );
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect((await screen.findByRole("alert")).textContent).toBe("not yours");
  cleanup();

  const away = newWorld(() => newRecord("b"));
  away.connection.set({ status: "reconnecting" });
  away.connection.cancel = () => new Promise(() => {});
  render(
    <ClaudeOpsProvider hub={away.hub}>
      <ExecutionControl executionId="b" />
    </ClaudeOpsProvider>,
  );
  act(() => away.connection.executions?.onSnapshot([newRecord("b")]));
  fireEvent.click(await screen.findByRole("button", { name: "Stop" }));
  expect(await screen.findByRole("button", { name: "Not sent yet" })).toBeTruthy();
  act(() => away.connection.set({ status: "open" }));
  expect(await screen.findByRole("button", { name: "Stopping…" })).toBeTruthy();
});

test("AgentDashboard runs an agent once for a double click, and shows its log", async () => {
  const world = newWorld((path) =>
    path === "/api/agents"
      ? { agents: [{ name: "check", title: "Check it" }, { name: "other" }], problems: [] }
      : newRecord("e1"),
  );
  world.connection.set({ status: "open" });
  const chosen = vi.fn();
  render(
    <ClaudeOpsProvider hub={world.hub}>
      <AgentDashboard agents={["check"]} onExecution={chosen} />
    </ClaudeOpsProvider>,
  );
  const button = await screen.findByRole("button", { name: "Check it" });
  expect(screen.queryByRole("button", { name: "other" })).toBeNull();
  fireEvent.click(button);
  fireEvent.click(button);
  expect(await screen.findByRole("log")).toBeTruthy();
  expect(world.connection.executed).toHaveLength(1);
  expect(chosen).toHaveBeenCalledWith("e1");
});
