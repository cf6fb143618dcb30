import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import {
  type ConnectionOptions,
  createPool,
  PoolFullError,
  type PoolOptions,
  type WebSocketConstructor,
} from "../src/index.js";
import { fakeServer } from "./helpers.js";

function newPool(options?: PoolOptions) {
  const pool = createPool(options);
  onTestFinished(() => pool.close());
  return pool;
}

const over = (url: string, more: ConnectionOptions = {}): ConnectionOptions => ({
  url,
  WebSocket: NodeWebSocket as unknown as WebSocketConstructor,
  transports: ["websocket"],
  ...more,
});

describe("a pool", () => {
  it("shares one connection per server and credential", async () => {
    const server = await fakeServer();
    const pool = newPool();
    const token = () => "x";
    const first = pool.acquire(over(server.url));
    const second = pool.acquire(over(`${server.url}/`));
    expect(second.connection).toBe(first.connection);
    expect(pool.acquire(over(server.url, { credential: { kind: "cookie" } })).connection).toBe(
      first.connection,
    );
    const byToken = pool.acquire(over(server.url, { credential: { kind: "token", token: "a" } }));
    const byOther = pool.acquire(over(server.url, { credential: { kind: "token", token: "b" } }));
    const byProvider = pool.acquire(over(server.url, { credential: { kind: "token", token } }));
    expect(new Set([first, byToken, byOther, byProvider].map(({ connection }) => connection)).size).toBe(4);
    expect(pool.acquire(over(server.url, { credential: { kind: "token", token } })).connection).toBe(
      byProvider.connection,
    );
    expect(pool.size).toBe(4);
    await first.connection.ready();
    expect(server.opened.websocket).toBeGreaterThan(0);
  });

  it("closes the unused connection that was used longest ago when it is full", async () => {
    const pool = newPool({ limit: 3 });
    const leases = ["a", "b", "c"].map((host) => pool.acquire(over(`http://${host}.invalid`)));
    const [a, b, c] = leases.map(({ connection }) => connection);
    expect(() => pool.acquire(over("http://d.invalid"))).toThrow(PoolFullError);
    expect(() => pool.acquire(over("http://d.invalid"))).toThrow(/all 3 connections of the pool are in use/);
    leases[0]?.release();
    leases[1]?.release();
    pool.acquire(over("http://a.invalid")).release(); // a is now the fresher one
    pool.acquire(over("http://d.invalid"));
    expect(b?.state.status).toBe("closed");
    expect(a?.state.status).not.toBe("closed");
    pool.acquire(over("http://e.invalid"));
    expect(a?.state.status).toBe("closed");
    expect(c?.state.status).not.toBe("closed");
    expect(pool.size).toBe(3);
  });

  it("keeps a connection that nobody uses for a while, for who comes next", () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const pool = newPool({ idleMs: 1000 });
    const lease = pool.acquire(over("http://a.invalid"));
    const { connection } = lease;
    lease.release();
    lease.release(); // counts once
    vi.advanceTimersByTime(999);
    const again = pool.acquire(over("http://a.invalid"));
    expect(again.connection).toBe(connection);
    const third = pool.acquire(over("http://a.invalid"));
    again.release();
    vi.advanceTimersByTime(10_000);
    expect(connection.state.status).not.toBe("closed");
    third.release();
    vi.advanceTimersByTime(1000);
    expect(connection.state.status).toBe("closed");
    expect(pool.size).toBe(0);
  });

  it("replaces a connection that somebody has closed", () => {
    const pool = newPool();
    const first = pool.acquire(over("http://a.invalid"));
    first.connection.close();
    const second = pool.acquire(over("http://a.invalid"));
    expect(second.connection).not.toBe(first.connection);
    first.release(); // takes nothing from the second
    expect(second.connection.state.status).not.toBe("closed");
    expect(pool.size).toBe(1);
    pool.close();
    pool.close();
    expect(second.connection.state.status).toBe("closed");
  });
});
