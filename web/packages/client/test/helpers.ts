import { onTestFinished } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import {
  type Connection,
  type ConnectionOptions,
  type ConnectionState,
  connect,
  type TransportName,
  type WatchedEvent,
  type WebSocketConstructor,
} from "../src/index.js";
import { type FakeOptions, FakeServer } from "./fake-server.js";

export const allTransports: readonly TransportName[] = ["websocket", "sse", "poll"];

/** A fake server that is stopped after the test. */
export async function fakeServer(options?: FakeOptions): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A connection that comes back fast, and is closed after the test. */
export function connectTo(server: { url: string }, options: ConnectionOptions = {}): Connection {
  const connection = connect({
    url: server.url,
    WebSocket: NodeWebSocket as unknown as WebSocketConstructor,
    ...options,
    reconnect: { baseMs: 5, maxMs: 20, maxAttempts: 100, ...options.reconnect },
  });
  onTestFinished(() => connection.close());
  return connection;
}

/** Resolves with the state once it is so. */
export async function stateIs(
  connection: Connection,
  so: (state: ConnectionState) => boolean,
): Promise<ConnectionState> {
  await new Promise<void>((resolve) => {
    const look = () => {
      if (!so(connection.state)) return;
      stop();
      resolve();
    };
    const stop = connection.subscribe(look);
    look();
  });
  return connection.state;
}

/** Collects what a watch gives, and lets a test wait for it. */
export class Collected {
  readonly events: WatchedEvent[] = [];
  readonly batches: number[] = [];
  readonly gaps: { from: number; to: number }[] = [];
  readonly subscribed: { from: number; head: number }[] = [];
  readonly errors: Error[] = [];
  ended: string | undefined;
  #waiting: (() => void)[] = [];

  readonly handlers = {
    onEvents: (events: readonly WatchedEvent[]) => {
      this.events.push(...events);
      this.batches.push(events.length);
      this.#look();
    },
    onGap: (gap: { from: number; to: number }) => {
      this.gaps.push({ from: gap.from, to: gap.to });
      this.#look();
    },
    onSubscribed: (at: { from: number; head: number }) => {
      this.subscribed.push(at);
      this.#look();
    },
    onEnd: (event: { type: string }) => {
      this.ended = event.type;
      this.#look();
    },
    onError: (error: Error) => {
      this.errors.push(error);
      this.#look();
    },
  };

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }

  get messages(): (string | undefined)[] {
    return this.events.map((event) => ("message" in event ? event.message : undefined));
  }

  async until(so: () => boolean): Promise<void> {
    while (!so()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  async end(): Promise<void> {
    await this.until(() => this.ended !== undefined || this.errors.length > 0);
  }

  #look(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** The numbers from first to last. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** A repeatable source of randomness; its seed is printed when a test fails. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
