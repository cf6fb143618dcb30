import { baseAddress } from "./address.js";
import type { ConnectionOptions, QueueOptions, ReconnectOptions, TransportName } from "./options.js";
import type { WebSocketConstructor } from "./socket.js";

/** Options with everything filled in and checked. */
export interface Settings {
  readonly base: URL;
  readonly transports: readonly TransportName[];
  readonly reconnect: ReconnectOptions;
  readonly heartbeatIntervalMs: number | undefined;
  readonly heartbeatTimeoutMs: number;
  readonly queue: QueueOptions;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly returnAfterMs: number;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly fetch: typeof globalThis.fetch;
}

const known: readonly TransportName[] = ["websocket", "sse", "poll"];

export function settingsOf(options: ConnectionOptions): Settings {
  const { transports = known, reconnect = {}, heartbeat = {}, queue = {} } = options;
  for (const name of transports) {
    if (!known.includes(name)) {
      throw new TypeError(
        `claudeops: there is no transport ${JSON.stringify(name)}; there are ${known.join(", ")}`,
      );
    }
  }
  if (transports.length === 0) throw new TypeError("claudeops: give at least one transport");
  return {
    base: baseAddress(options.url),
    transports: [...transports],
    reconnect: {
      baseMs: positive("reconnect.baseMs", reconnect.baseMs, 1000),
      maxMs: positive("reconnect.maxMs", reconnect.maxMs, 30_000),
      maxAttempts: notNegative("reconnect.maxAttempts", reconnect.maxAttempts, 10),
    },
    heartbeatIntervalMs:
      heartbeat.intervalMs === undefined
        ? undefined
        : positive("heartbeat.intervalMs", heartbeat.intervalMs, 0),
    heartbeatTimeoutMs: positive("heartbeat.timeoutMs", heartbeat.timeoutMs, 10_000),
    queue: {
      maxMessages: notNegative("queue.maxMessages", queue.maxMessages, 1000),
      maxChars: notNegative("queue.maxChars", queue.maxChars, 1024 * 1024),
    },
    connectTimeoutMs: positive("connectTimeoutMs", options.connectTimeoutMs, 10_000),
    requestTimeoutMs: positive("requestTimeoutMs", options.requestTimeoutMs, 15_000),
    returnAfterMs: positive("returnAfterMs", options.returnAfterMs, 60_000),
    WebSocket: options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined),
    // A browser's fetch wants to be called as a function of its window.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

function positive(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (!(value > 0)) throw new RangeError(`claudeops: ${name} must be more than 0, got ${value}`);
  return value;
}

function notNegative(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (!(value >= 0)) throw new RangeError(`claudeops: ${name} must be 0 or more, got ${value}`);
  return value;
}
