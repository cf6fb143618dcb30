import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WebSocketConstructor, WebSocketLike } from "../src/index.js";
import {
  type Connection,
  ConnectionError,
  type ConnectionOptions,
  connect,
  type TokenRequest,
} from "../src/index.js";

/** A WebSocket in the hands of the test. */
class HandSocket implements WebSocketLike {
  static made: HandSocket[] = [];
  readonly url: string;
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: string[] = [];
  closedWith: number | undefined;
  readonly #listeners = new Map<string, (event: never) => void>();

  constructor(url: string) {
    this.url = url;
    HandSocket.made.push(this);
  }
  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, listener);
  }
  send(data: string): void {
    if (this.readyState !== 1) throw new Error("not open");
    this.sent.push(data);
  }
  close(code?: number): void {
    this.readyState = 3;
    this.closedWith = code ?? 1005;
  }

  emit(type: string, event: unknown): void {
    this.#listeners.get(type)?.(event as never);
  }
  /** The server accepts and greets. */
  open(greeting: Record<string, unknown> = {}): void {
    this.accept();
    this.say({
      type: "connection",
      protocol: 1,
      connectionId: `c${HandSocket.made.length}`,
      heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
      user: { id: "owner" },
      ...greeting,
    });
  }
  accept(): void {
    this.readyState = 1;
    this.emit("open", {});
  }
  say(message: unknown): void {
    this.emit("message", { data: `${JSON.stringify(message)}\n` });
  }
  lose(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.emit("close", { code, reason });
  }
  /** Answers every ping so far. */
  pong(): void {
    for (const { type, timestamp, id } of this.messages())
      if (type === "ping") this.say({ type: "pong", timestamp, id });
  }
  messages(): { type: string; id?: string; timestamp?: number; token?: string }[] {
    return this.sent.flatMap((frame) =>
      frame.split("\n").map((line) => JSON.parse(line) as { type: string }),
    );
  }
}

const page = new EventTarget() as EventTarget & { visibilityState: string };
let connection: Connection | undefined;

function open(options: ConnectionOptions = {}): Connection {
  connection = connect({
    url: "http://server.test/",
    WebSocket: HandSocket as unknown as WebSocketConstructor,
    fetch: () => Promise.reject(new TypeError("no network")),
    transports: ["websocket"],
    ...options,
  });
  return connection;
}

const newest = (): HandSocket => {
  const socket = HandSocket.made.at(-1);
  if (socket === undefined) throw new Error("no socket was made");
  return socket;
};

/** Lets promises run, and no time pass. */
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  HandSocket.made = [];
  page.visibilityState = "visible";
});

afterEach(() => {
  connection?.close();
  connection = undefined;
  expect(vi.getTimerCount()).toBe(0); // nothing of a closed connection is left
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("reconnecting", () => {
  it("waits longer and longer, and gives up after ten tries", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const states: string[] = [];
    const connection = open();
    connection.subscribe(() => states.push(`${connection.state.status} ${connection.state.attempt}`));
    await settle();
    const waits: number[] = [];
    for (let retry = 1; retry <= 10; retry++) {
      newest().lose();
      expect(connection.state).toMatchObject({
        status: "reconnecting",
        attempt: retry,
        problem: { type: "network", closeCode: 1006 },
      });
      const wait = (connection.state.nextAttemptAt ?? 0) - Date.now();
      waits.push(Math.round(wait / 999));
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(HandSocket.made).toHaveLength(retry);
      await vi.advanceTimersByTimeAsync(1);
      expect(HandSocket.made).toHaveLength(retry + 1);
      expect(connection.state.nextAttemptAt).toBeNull();
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
    const ready = connection.ready();
    newest().lose();
    expect(connection.state).toMatchObject({ status: "failed", nextAttemptAt: null, transport: null });
    await expect(ready).rejects.toBeInstanceOf(ConnectionError);
    expect(connection.state.history).toHaveLength(10);
    expect(states).not.toContain("reconnecting 11");
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(HandSocket.made).toHaveLength(11);
  });

  it("goes on without end when told to, and not at all when told so", async () => {
    const endless = open({ reconnect: { maxAttempts: Number.POSITIVE_INFINITY }, connectTimeoutMs: 60_000 });
    await settle();
    for (let i = 0; i < 60; i++) {
      newest().lose();
      await vi.advanceTimersByTimeAsync(30_000);
    }
    expect(endless.state).toMatchObject({ status: "reconnecting", attempt: 60 });
    endless.close();
    const never = open({ reconnect: { maxAttempts: 0 } });
    await settle();
    newest().lose();
    expect(never.state.status).toBe("failed");
  });

  it("starts over after a connection that lasted, and counts on after one that did not", async () => {
    const connection = open();
    await settle();
    newest().lose();
    await vi.advanceTimersByTimeAsync(1000);
    newest().lose();
    await vi.advanceTimersByTimeAsync(2000);
    newest().open();
    expect(connection.state).toMatchObject({ status: "open", attempt: 0, problem: null });
    await vi.advanceTimersByTimeAsync(1000);
    newest().lose(1011);
    expect(connection.state).toMatchObject({
      status: "reconnecting",
      attempt: 3,
      problem: { type: "server" },
      openSince: null,
    });
    await vi.advanceTimersByTimeAsync(4000);
    newest().open();
    newest().pong();
    await vi.advanceTimersByTimeAsync(5000);
    newest().lose(1012);
    expect(connection.state).toMatchObject({ attempt: 1, problem: { type: "restart" } });
    expect(connection.state.history.map(({ type }) => type)).toEqual([
      "network",
      "network",
      "server",
      "restart",
    ]);
    expect(connection.state.lastOpenAt).toBe(Date.now());
  });

  it("tries at once when asked to", async () => {
    const connection = open({ reconnect: { maxAttempts: 1 } });
    await settle();
    newest().lose();
    connection.retryNow();
    await settle();
    expect(HandSocket.made).toHaveLength(2);
    expect(connection.state).toMatchObject({ attempt: 0, nextAttemptAt: null });
    newest().lose();
    await vi.advanceTimersByTimeAsync(1000);
    newest().lose();
    expect(connection.state.status).toBe("failed");
    connection.retryNow();
    await settle();
    newest().open();
    expect(connection.state.status).toBe("open");
    connection.retryNow();
    expect(HandSocket.made).toHaveLength(4);
  });

  it("tries at once when the network or the page comes back", async () => {
    const host = new EventTarget();
    vi.stubGlobal("addEventListener", host.addEventListener.bind(host));
    vi.stubGlobal("removeEventListener", host.removeEventListener.bind(host));
    vi.stubGlobal("document", page);
    const connection = open({ reconnect: { maxAttempts: 3 } });
    await settle();
    newest().lose();
    host.dispatchEvent(new Event("online"));
    await settle();
    expect(HandSocket.made).toHaveLength(2);
    newest().lose();
    page.visibilityState = "hidden";
    page.dispatchEvent(new Event("visibilitychange"));
    await settle();
    expect(HandSocket.made).toHaveLength(2);
    page.visibilityState = "visible";
    page.dispatchEvent(new Event("visibilitychange"));
    await settle();
    expect(HandSocket.made).toHaveLength(3);

    // A connection that slept has to show that it lives.
    newest().open();
    newest().pong();
    page.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(3000);
    expect(connection.state).toMatchObject({
      status: "reconnecting",
      problem: { type: "heartbeat", closeCode: 4408 },
    });

    // One that has given up takes the network's return as an occasion.
    await vi.advanceTimersByTimeAsync(60_000);
    for (let i = 0; i < 5; i++) {
      newest().lose();
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(connection.state.status).toBe("failed");
    host.dispatchEvent(new Event("online"));
    await settle();
    expect(connection.state.status).toBe("reconnecting");
    connection.close();
    host.dispatchEvent(new Event("online"));
    expect(connection.state.status).toBe("closed");
  });

  it("says at once that the device is offline, tries all the same, and goes on when it is back", async () => {
    const host = new EventTarget();
    vi.stubGlobal("addEventListener", host.addEventListener.bind(host));
    vi.stubGlobal("removeEventListener", host.removeEventListener.bind(host));
    vi.stubGlobal("navigator", { onLine: true });
    const connection = open({ reconnect: { maxAttempts: 3 } });
    await settle();
    newest().open();
    await settle();
    vi.stubGlobal("navigator", { onLine: false });
    host.dispatchEvent(new Event("offline"));
    expect(connection.state).toMatchObject({
      status: "reconnecting",
      problem: { type: "offline", recoverable: true },
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(HandSocket.made).toHaveLength(2);
    newest().lose();
    await settle();
    expect(connection.state.problem?.type).toBe("offline");
    vi.stubGlobal("navigator", { onLine: true });
    host.dispatchEvent(new Event("online"));
    await settle();
    newest().open();
    await settle();
    expect(connection.state).toMatchObject({ status: "open", problem: null });
  });

  it("opens again after close()", async () => {
    const connection = open();
    await settle();
    newest().open();
    await settle();
    const ended = vi.fn();
    connection.watchExecution("a", {}, { onEvents: () => {}, onError: ended });
    const states: string[] = [];
    connection.subscribe(() => states.push(connection.state.status));
    connection.close();
    expect(ended).toHaveBeenCalledTimes(1);
    connection.retryNow();
    await settle();
    newest().open();
    await settle();
    await expect(connection.ready()).resolves.toBeUndefined();
    expect(states[0]).toBe("closed");
    expect(states.at(-1)).toBe("open");
    connection.watchExecution("b", {}, { onEvents: () => {} });
    await settle();
    expect(newest().messages()).toContainEqual(expect.objectContaining({ type: "logs:subscribe" }));
  });

  it("knows the server's clock, and measures the way there when asked", async () => {
    vi.setSystemTime("2026-11-22T19:11:00.000Z"); // the fake greets an hour later
    const connection = open();
    await settle();
    newest().open({ serverTime: "2026-11-22T20:11:00.000Z" });
    await settle();
    expect(connection.state.clockOffsetMs).toBe(3_600_000);
    const measured = connection.measureLatency();
    await vi.advanceTimersByTimeAsync(30);
    newest().pong();
    await expect(measured).resolves.toBe(30);
    connection.close();
    await expect(connection.measureLatency()).rejects.toThrow("the connection was closed");
  });

  it("notices a connection that has died without a word", async () => {
    const connection = open();
    await settle();
    newest().open();
    await settle();
    newest().pong();
    expect(connection.state.latencyMs).toBe(0);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(
      newest()
        .messages()
        .filter(({ type }) => type === "ping"),
    ).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(connection.state.status).toBe("open");
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.state).toMatchObject({ status: "reconnecting", problem: { type: "heartbeat" } });
    expect(HandSocket.made[0]?.closedWith).toBeDefined();
  });

  it("gives up on a server that accepts and does not greet", async () => {
    const connection = open({ connectTimeoutMs: 500 });
    await settle();
    newest().accept();
    await vi.advanceTimersByTimeAsync(500);
    expect(connection.state).toMatchObject({
      status: "reconnecting",
      problem: { message: "the server did not greet within 500 ms over websocket" },
    });
    expect(newest().closedWith).toBeDefined();
    HandSocket.made[0]?.open(); // too late
    expect(connection.state.status).toBe("reconnecting");
  });

  it.each([1002, 1003, 1007, 1008, 1009])("does not come back after %i", async (code) => {
    const connection = open();
    await settle();
    newest().open();
    const watch = vi.fn();
    connection.watchExecution("a", {}, { onEvents: () => {}, onError: watch });
    newest().lose(code, "why");
    expect(connection.state).toMatchObject({
      status: "failed",
      problem: { recoverable: false, message: "why", closeCode: code },
    });
    expect(watch).toHaveBeenCalledTimes(1);
    expect(watch.mock.lastCall?.[0]).toMatchObject({ name: "ConnectionError", problem: { closeCode: code } });
  });

  it("waits as long as a server wants after 4429", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const connection = open();
    await settle();
    newest().open();
    newest().lose(4429, "too many messages; retryAfterMs=7000");
    expect(connection.state.problem).toMatchObject({ type: "rate_limited", recoverable: true });
    await vi.advanceTimersByTimeAsync(6999);
    expect(HandSocket.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(HandSocket.made).toHaveLength(2);
  });

  it("refuses a server of another version", async () => {
    const connection = open();
    await settle();
    newest().open({ protocol: 2 });
    expect(connection.state).toMatchObject({
      status: "failed",
      problem: { type: "protocol", recoverable: false },
    });
    expect(connection.state.problem?.message).toContain("version 2");
  });

  it("does not take binary messages", async () => {
    const connection = open();
    await settle();
    newest().open();
    newest().emit("message", { data: new ArrayBuffer(3) });
    expect(connection.state).toMatchObject({ status: "failed", problem: { closeCode: 1003 } });
  });
});

describe("credentials", () => {
  it("go into the first message and never into the address", async () => {
    open({ credential: { kind: "token", token: "secret" } });
    await settle();
    newest().accept();
    expect(newest().sent).toEqual(['{"type":"auth","token":"secret"}']);
    expect(newest().url).toBe("ws://server.test/api/ws");
  });

  it("that have expired are replaced at once, and not again and again", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const asked: TokenRequest["reason"][] = [];
    const connection = open({
      credential: {
        kind: "token",
        token: ({ reason }) => {
          asked.push(reason);
          return Promise.resolve(`token ${asked.length}`);
        },
      },
    });
    await settle();
    newest().open();
    expect(newest().messages()[0]).toMatchObject({ token: "token 1" });
    await vi.advanceTimersByTimeAsync(1);
    newest().lose(4401, "expired");
    await settle();
    expect(asked).toEqual(["connect", "expired"]);
    expect(HandSocket.made).toHaveLength(2);
    newest().accept();
    expect(newest().messages()[0]).toMatchObject({ token: "token 2" });
    // The new one does not please either: from here on it takes its time.
    newest().lose(4401, "expired");
    await settle();
    expect(HandSocket.made).toHaveLength(2);
    expect(connection.state.nextAttemptAt).toBeGreaterThan(Date.now());
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual(["connect", "expired", "expired"]);
    newest().open();
    expect(connection.state.status).toBe("open");
  });

  it("that can't be replaced end the connection, saying so", async () => {
    const connection = open({ credential: { kind: "token", token: "fixed" } });
    await settle();
    newest().open();
    newest().lose(4401, "the credential has expired");
    expect(connection.state).toMatchObject({
      status: "failed",
      problem: { type: "expired", recoverable: false },
    });
  });

  it("of the browser are renewed by the page", async () => {
    const renew = vi.fn(() => Promise.resolve());
    const connection = open({ credential: { kind: "cookie", renew } });
    await settle();
    newest().open();
    await settle();
    expect(
      newest()
        .messages()
        .map(({ type }) => type),
    ).toEqual(["ping"]);
    newest().lose(4401);
    await settle();
    expect(renew).toHaveBeenCalledTimes(1);
    newest().open();
    expect(connection.state.status).toBe("open");
  });

  it("that can't be had now are asked for again", async () => {
    const token = vi
      .fn<() => Promise<string>>()
      .mockRejectedValueOnce(new Error("the issuer is down"))
      .mockResolvedValue("good");
    const connection = open({ credential: { kind: "token", token } });
    await settle();
    expect(connection.state.problem).toMatchObject({ type: "expired", recoverable: true });
    expect(connection.state.problem?.message).toContain("the issuer is down");
    await vi.advanceTimersByTimeAsync(1000);
    newest().accept();
    expect(newest().messages()[0]).toMatchObject({ token: "good" });
  });

  it("stop being asked for when the connection is closed", async () => {
    let signal: AbortSignal | undefined;
    const connection = open({
      credential: {
        kind: "token",
        token: (request) => {
          signal = request.signal;
          return new Promise(() => {});
        },
      },
    });
    await settle();
    expect(signal?.aborted).toBe(false);
    connection.close();
    expect(signal?.aborted).toBe(true);
    expect(HandSocket.made).toHaveLength(0);
  });
});

describe("state", () => {
  it("is the same object until something changes", async () => {
    const connection = open();
    const before = connection.state;
    expect(connection.state).toBe(before);
    await settle();
    newest().open();
    const after = connection.state;
    expect(after).not.toBe(before);
    expect(before.status).toBe("connecting");
    await settle();
    newest().say({ type: "weather", sky: "blue" });
    expect(connection.state).toBe(after);
  });

  it("survives listeners that throw, leave or close", async () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    const connection = open();
    const second = vi.fn();
    connection.subscribe(() => {
      throw new Error("in a listener");
    });
    const leave = connection.subscribe(() => leave());
    connection.subscribe(second);
    await settle();
    newest().open();
    expect(second).toHaveBeenCalled();
    expect(reported).toHaveBeenCalledWith(new Error("in a listener"));
    connection.subscribe(() => connection.close());
    newest().lose();
    expect(connection.state.status).toBe("closed");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(HandSocket.made).toHaveLength(1);
  });

  it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    "stays closed when a listener closes it at its %i. change",
    async (when) => {
      const connection = open();
      let changes = 0;
      connection.subscribe(() => {
        if (++changes === when) connection.close();
      });
      for (let i = 0; i < 4 && connection.state.status !== "closed"; i++) {
        await settle();
        newest().open();
        await settle();
        newest().pong();
        newest().lose();
        await vi.advanceTimersByTimeAsync(30_000);
      }
      expect(connection.state.status).toBe("closed");
      const made = HandSocket.made.length;
      await vi.advanceTimersByTimeAsync(120_000);
      expect(HandSocket.made).toHaveLength(made);
      for (const socket of HandSocket.made) {
        if (socket.readyState === 0) socket.open();
        expect(connection.state.status).toBe("closed");
        expect(socket.readyState).not.toBe(0);
      }
    },
  );

  it("can be closed twice, and before it was open", () => {
    const connection = open();
    connection.close();
    connection.close();
    expect(connection.state).toMatchObject({ status: "closed", nextAttemptAt: null });
  });
});
