import type { Credential } from "./credential.js";
import type { WebSocketConstructor } from "./socket.js";

/** The ways to a server, from the best to the one that goes through any proxy. */
export type TransportName = "websocket" | "sse" | "poll";

/** When and how often a lost connection is tried again. */
export interface ReconnectOptions {
  /** Upper bound of the first wait. Every further one doubles it, up to {@link maxMs}. Default 1,000. */
  baseMs: number;
  /** Upper bound of every wait. Default 30,000. */
  maxMs: number;
  /**
   * Tries without success until the connection gives up (`state.status` is then `"failed"`).
   * Default 10; `Infinity` never gives up; 0 never tries again. `retryNow()` starts over.
   */
  maxAttempts: number;
}

/** How a dead connection is noticed. What is not set is taken from the server's `connection` message. */
export interface HeartbeatOptions {
  /** Milliseconds between pings. Default: the server's, 25,000 at most. */
  intervalMs?: number;
  /** Milliseconds a ping may stay without any sign of life before the connection counts as lost. Default 10,000. */
  timeoutMs?: number;
}

/** Bounds of what waits to be sent. Whoever goes over them is told by a {@link QueueFullError}. */
export interface QueueOptions {
  /** Messages. Default 1,000. */
  maxMessages: number;
  /** Characters of all waiting messages together. Default 1,048,576. */
  maxChars: number;
}

/** Where to connect, as whom, and how. */
export interface ConnectionOptions {
  /**
   * The server's address with its base path, e.g. `https://ci.example.com/claudeops`. A page may
   * leave it out: its own origin is taken.
   */
  url?: string | URL;
  /** Who the caller is. Default: the browser's cookie for that server. */
  credential?: Credential;
  /** What may be used, best first. Default: `["websocket", "sse", "poll"]`. */
  transports?: readonly TransportName[];
  /** See {@link ReconnectOptions}. */
  reconnect?: Partial<ReconnectOptions>;
  /** See {@link HeartbeatOptions}. */
  heartbeat?: HeartbeatOptions;
  /** See {@link QueueOptions}. */
  queue?: Partial<QueueOptions>;
  /** Milliseconds one try over one transport may take until the server's greeting. Default 10,000. */
  connectTimeoutMs?: number;
  /** Milliseconds a request may take, reconnects included, unless it says otherwise. Default 15,000. */
  requestTimeoutMs?: number;
  /** Milliseconds after which a connection that had to fall back tries the better transports again. Default 60,000. */
  returnAfterMs?: number;
  /**
   * The WebSocket class. Default: the global one. Node 20 has none: pass the one of package `ws`, or
   * do without (SSE is taken).
   */
  WebSocket?: WebSocketConstructor;
  /** Default: the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}
