import { afterEach, describe, expect, it, vi } from "vitest";
import { takeSeat } from "../src/transports/seats.js";
import { Collected, connectTo, fakeServer, range } from "./helpers.js";

/** Web Locks as the tabs of one browser share them, as far as seats need them. */
function webLocks() {
  const held = new Set<string>();
  return {
    held,
    async request(name: string, _: object, use: (lock: object | null) => Promise<void> | undefined) {
      if (held.has(name)) return use(null);
      held.add(name);
      try {
        return await use({ name });
      } finally {
        held.delete(name);
      }
    },
  };
}

describe("seats", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("are three for each server, and come back", async () => {
    vi.stubGlobal("navigator", { locks: webLocks() });
    const base = new URL("http://one.example/ops/");
    const first = new AbortController();
    const rest = new AbortController();
    expect(await takeSeat(base, first.signal)).toBe(true);
    expect(await takeSeat(base, rest.signal)).toBe(true);
    expect(await takeSeat(base, rest.signal)).toBe(true);
    expect(await takeSeat(base, rest.signal)).toBe(false);
    expect(await takeSeat(new URL("http://two.example/"), rest.signal)).toBe(true);
    first.abort();
    await vi.waitFor(async () => expect(await takeSeat(base, rest.signal)).toBe(true));
    rest.abort();
  });

  it("are always there where tabs can't be told apart", async () => {
    vi.stubGlobal("navigator", {});
    for (let i = 0; i < 10; i++) {
      expect(await takeSeat(new URL("http://one.example/"), new AbortController().signal)).toBe(true);
    }
  });

  it("let seven tabs without WebSocket follow a run, three of them over streams", async () => {
    vi.stubGlobal("navigator", { locks: webLocks() });
    const server = await fakeServer();
    server.blocked.add("websocket");
    server.start("a");
    const tabs = range(1, 7).map(() => {
      const connection = connectTo(server);
      const seen = new Collected();
      connection.watchExecution("a", {}, seen.handlers);
      return { connection, seen };
    });
    await Promise.all(tabs.map(({ connection }) => connection.ready()));
    expect(tabs.filter(({ connection }) => connection.state.transport === "sse")).toHaveLength(3);
    expect(tabs.filter(({ connection }) => connection.state.transport === "poll")).toHaveLength(4);
    for (let i = 0; i < 5; i++) server.log("a", `line ${i}`);
    server.complete("a");
    await Promise.all(tabs.map(({ seen }) => seen.end()));
    for (const { seen } of tabs) expect(seen.seqs).toEqual(range(1, 8));
  });
});
