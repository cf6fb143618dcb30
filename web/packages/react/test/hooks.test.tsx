// @vitest-environment happy-dom
import type { ConnectionPool } from "@claudeops/client";
import { act, cleanup, render, renderHook, waitFor } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ClaudeOpsProvider } from "../src/context.js";
import { useAgentExecution } from "../src/hooks/use-agent-execution.js";
import { useConnection } from "../src/hooks/use-connection.js";
import { useExecution } from "../src/hooks/use-execution.js";
import { useExecutions } from "../src/hooks/use-executions.js";
import { useLogStream } from "../src/hooks/use-log-stream.js";
import { useSystemStatus } from "../src/hooks/use-system-status.js";
import { FakeConnection, newLog, newRecord, newWorld, type World } from "./fake.js";

function Status() {
  return useConnection().status;
}

function wrapperOf({ hub }: World, strict = true) {
  return ({ children }: { children: ReactNode }) => {
    const inside = <ClaudeOpsProvider hub={hub}>{children}</ClaudeOpsProvider>;
    return strict ? <StrictMode>{inside}</StrictMode> : inside;
  };
}

/** The next frame, and what React does with it. */
const frame = () => act(() => vi.advanceTimersByTimeAsync(40));

describe("hooks", () => {
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: [
        "setTimeout",
        "clearTimeout",
        "setInterval",
        "clearInterval",
        "requestAnimationFrame",
        "cancelAnimationFrame",
        "Date",
      ],
    });
  });
  afterEach(() => {
    cleanup();
    vi.useRealTimers();
  });

  test("useConnection tells how the connection stands, and lets it be tried now", async () => {
    const world = newWorld();
    const { result } = renderHook(() => useConnection(), { wrapper: wrapperOf(world) });
    expect(result.current.status).toBe("connecting");
    world.connection.set({ status: "open", latencyMs: 2, transport: "websocket" });
    await frame();
    expect(result.current).toMatchObject({ status: "open", latencyMs: 2 });
    result.current.retryNow();
    expect(world.connection.retries).toBe(1);
  });

  test("StrictMode costs one connection; leaving gives it back once, a little later", async () => {
    const world = newWorld();
    const { unmount } = renderHook(() => useConnection(), { wrapper: wrapperOf(world) });
    await frame();
    expect(world.leases).toEqual({ taken: 1, given: 0 });
    unmount();
    expect(world.leases.given).toBe(0);
    await vi.advanceTimersByTimeAsync(5000);
    expect(world.leases).toEqual({ taken: 1, given: 1 });
    expect(world.connection.listeners).toBe(0);
  });

  test("useExecutions: a snapshot, then events folded in, one render a frame", async () => {
    const world = newWorld();
    let renders = 0;
    const { result } = renderHook(
      () => {
        renders++;
        return useExecutions();
      },
      { wrapper: wrapperOf(world, false) },
    );
    expect(result.current.ready).toBe(false);
    world.connection.executions?.onSnapshot([
      newRecord("b"),
      newRecord("a", { status: "completed", terminal: true }),
    ]);
    await frame();
    expect(result.current.active.map((record) => record.executionId)).toEqual(["b"]);
    expect(result.current.all.map((record) => record.executionId)).toEqual(["b", "a"]);

    const before = renders;
    for (let i = 1; i <= 100; i++) {
      world.connection.executions?.onEvents([
        {
          type: "execution:progress",
          executionId: "b",
          seq: 2 + i,
          timestamp: "2026-11-22T14:02:11.201Z",
          progress: i,
        },
      ]);
    }
    await frame();
    expect(renders - before).toBe(1);
    expect(result.current.active[0]?.progress).toBe(100);

    world.connection.executions?.onEvents([
      {
        type: "execution:queued",
        executionId: "c",
        seq: 1,
        timestamp: "2026-11-22T14:02:11.201Z",
        agentType: "x",
        config: {},
        trigger: { kind: "cli", user: "owner" },
      },
      {
        type: "execution:completed",
        executionId: "b",
        seq: 103,
        timestamp: "2026-11-22T14:03:00.000Z",
        cost: 0.5,
        exitCode: 0,
        durationMs: 59_000,
        processesReaped: 2,
      },
      {
        type: "execution:progress",
        executionId: "never-heard-of",
        seq: 9,
        timestamp: "2026-11-22T14:03:00.000Z",
        progress: 1,
      },
    ]);
    await frame();
    expect(result.current.active.map((record) => record.executionId)).toEqual(["c"]);
    expect(result.current.records.get("b")).toMatchObject({
      status: "completed",
      terminal: true,
      durationMs: 59_000,
      processesReaped: 2,
      cost: 0.5,
    });
    expect(result.current.records.size).toBe(3);
  });

  test("cancel shows at once, and is taken back when the server refuses", async () => {
    const world = newWorld();
    const { result } = renderHook(() => ({ ...useAgentExecution(), ...useExecutions() }), {
      wrapper: wrapperOf(world),
    });
    world.connection.executions?.onSnapshot([newRecord("a")]);
    await frame();
    await act(async () => result.current.cancel("a"));
    await frame();
    expect(result.current.records.get("a")?.status).toBe("cancelling");
    expect(world.connection.cancelled).toEqual(["a"]);

    // A snapshot taken before the server knew does not turn it back.
    world.connection.executions?.onSnapshot([newRecord("a"), newRecord("b")]);
    await frame();
    expect(result.current.records.get("a")?.status).toBe("cancelling");

    world.connection.refuseCancel = new Error("not allowed");
    await act(async () => expect(result.current.cancel("b")).rejects.toThrow("not allowed"));
    await frame();
    expect(result.current.records.get("b")?.status).toBe("running");
  });

  test("execute gives the execution; its error stays until the next try", async () => {
    const world = newWorld();
    const { result } = renderHook(() => useAgentExecution(), { wrapper: wrapperOf(world) });
    await act(async () =>
      expect(await result.current.execute({ agentType: "x", config: { a: 1 } })).toMatchObject({
        executionId: "e1",
      }),
    );
    expect(world.connection.executed).toEqual([{ agentType: "x", config: { a: 1 } }]);
    vi.spyOn(world.connection, "execute").mockRejectedValueOnce(new Error("no such agent"));
    await act(async () =>
      expect(result.current.execute({ agentType: "y" })).rejects.toThrow("no such agent"),
    );
    expect(result.current.error?.message).toBe("no such agent");
    expect(result.current.isExecuting).toBe(false);
    await act(async () => void (await result.current.execute({ agentType: "x" })));
    expect(result.current.error).toBeNull();
  });

  test("useExecution asks once, then follows the feed", async () => {
    vi.useRealTimers();
    const world = newWorld((path) =>
      path === "/api/executions/a" ? newRecord("a", { config: { path: "/" } }) : undefined,
    );
    const { result } = renderHook(() => useExecution("a"), { wrapper: wrapperOf(world) });
    await waitFor(() => expect(result.current.record?.config).toEqual({ path: "/" }));
    act(() => {
      world.connection.executions?.onSnapshot([newRecord("a", { head: 5, progress: 40 })]);
    });
    await waitFor(() => expect(result.current.record).toMatchObject({ progress: 40, config: { path: "/" } }));

    const { result: none } = renderHook(() => useExecution("none"), { wrapper: wrapperOf(world) });
    await waitFor(() => expect(none.current).toMatchObject({ record: null, loading: false }));
    expect(none.current.error?.message).toContain("no such thing");
  });

  test("useLogStream follows from the tail; a burst is one render", async () => {
    const world = newWorld();
    let renders = 0;
    const { result, unmount } = renderHook(
      () => {
        renders++;
        return useLogStream("a", { tail: 3 });
      },
      { wrapper: wrapperOf(world, false) },
    );
    const log = world.connection.log("a");
    log.onSubscribed?.({ from: 1, head: 0 });
    await frame();
    const before = renders;
    for (let seq = 1; seq <= 5000; seq++) log.onEvents([newLog("a", seq, `line ${seq}`)]);
    await frame();
    expect(renders - before).toBe(1);
    expect(result.current.total).toBe(5000);
    expect(result.current.tail.map((event) => event.message)).toEqual([
      "line 4998",
      "line 4999",
      "line 5000",
    ]);
    unmount();
    await vi.advanceTimersByTimeAsync(5000);
    expect(world.connection.logs.get("a")).toEqual([]);
  });

  test("a log goes on after its connection gave up and came back, from where it was", async () => {
    const { ConnectionError } = await import("@claudeops/client");
    const world = newWorld();
    renderHook(() => useLogStream("a"), { wrapper: wrapperOf(world, false) });
    const first = world.connection.log("a");
    first.onSubscribed?.({ from: 1, head: 2 });
    first.onEvents([newLog("a", 1, "one"), newLog("a", 2, "two")]);
    world.connection.logs.set("a", []);
    first.onError?.(new ConnectionError("gave up"));
    world.connection.set({ status: "failed" });
    await frame();
    expect(world.connection.logs.get("a")).toEqual([]);
    world.connection.set({ status: "open" });
    expect(world.connection.logs.get("a")?.map((watch) => watch.start)).toEqual([{ since: 2 }]);
  });

  test("useSystemStatus keeps a short past", async () => {
    const world = newWorld();
    const { result } = renderHook(() => useSystemStatus(), { wrapper: wrapperOf(world) });
    for (let cpu = 0; cpu < 400; cpu++) {
      world.connection.system?.onStatus({
        type: "system:status",
        timestamp: "2026-11-22T14:03:00.000Z",
        cpu,
        memory: { used: 1, total: 2, percent: 50 },
        disk: { path: "/", used: 1, total: 2, percent: 50 },
        load: [0, 0, 0],
        executions: { queued: 0, running: 0 },
      });
    }
    await frame();
    expect(result.current.status?.cpu).toBe(399);
    expect(result.current.history).toHaveLength(300);
  });

  test("a hook without its provider says so", () => {
    const silent = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(() => renderHook(() => useConnection())).toThrow(/ClaudeOpsProvider/);
    silent.mockRestore();
  });

  test("useLogStream gives as long a tail as was asked for, and says when nothing streams", async () => {
    const head = 3000;
    const world = newWorld((path) => {
      const { pathname, searchParams } = new URL(path, "http://fake.test");
      if (!pathname.endsWith("/events")) return newRecord("a");
      const since = Number(searchParams.get("since"));
      const count = Math.min(Number(searchParams.get("limit")), head - since);
      return Array.from({ length: count }, (_, i) => JSON.stringify(newLog("a", since + i + 1, "x"))).join(
        "\n",
      );
    });
    world.connection.set({ status: "open" });
    const { result } = renderHook(() => useLogStream("a", { tail: 1500 }), { wrapper: wrapperOf(world) });
    world.connection.log("a").onSubscribed?.({ from: head - 511, head });
    world.connection
      .log("a")
      .onEvents(Array.from({ length: 512 }, (_, i) => newLog("a", head - 511 + i, "x")));
    for (let i = 0; i < 6; i++) await frame();
    expect(result.current.tail).toHaveLength(1500);
    expect(result.current.tail[0]?.seq).toBe(1501);
    expect(result.current.streaming).toBe(true);
    world.connection.set({ status: "reconnecting" });
    await frame();
    expect(result.current.streaming).toBe(false);
    world.connection.set({ status: "open" });
    world.connection.log("a").onSubscribed?.({ from: head + 1, head });
    await frame();
    expect(result.current.streaming).toBe(true);
  });

  test("another url or token is another connection; a new function is not", async () => {
    const seen: string[] = [];
    const pool: ConnectionPool = {
      size: 1,
      acquire: (options) => {
        seen.push(String(options?.url));
        return { connection: new FakeConnection(), release: () => {} };
      },
      close() {},
    };
    const at = (url: string, token: string | (() => string)) => (
      <ClaudeOpsProvider url={url} credential={{ kind: "token", token }} pool={pool}>
        <Status />
      </ClaudeOpsProvider>
    );
    const { rerender } = render(at("http://one.test", () => "a"));
    await frame();
    rerender(at("http://one.test", () => "b"));
    await frame();
    expect(seen).toEqual(["http://one.test"]);
    rerender(at("http://two.test", () => "b"));
    await frame();
    rerender(at("http://two.test", "fixed"));
    await frame();
    expect(seen).toEqual(["http://one.test", "http://two.test", "http://two.test"]);
  });
});
