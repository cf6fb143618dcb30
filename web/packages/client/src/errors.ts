import type { ErrorCode } from "./protocol.gen.js";

/** What kind of thing went wrong with a connection. */
export type ConnectionErrorType =
  /** The way to the server is broken or blocked, or it is not running. */
  | "network"
  /** This device has no network. */
  | "offline"
  /** The server went away on purpose: a restart, a shutdown. */
  | "restart"
  /** The server failed. */
  | "server"
  /** No sign of life within the heartbeat's timeout. */
  | "heartbeat"
  /** The credential is missing, wrong, or may not do this. */
  | "unauthenticated"
  /** The credential has expired or was revoked, and no new one could be had. */
  | "expired"
  /** Too many messages, again and again. */
  | "rate_limited"
  /** One side broke the protocol. */
  | "protocol";

/** One failure of a connection, as kept in its history. */
export interface ConnectionProblem {
  readonly type: ConnectionErrorType;
  /** For a person: what happened, and what to do where there is something to do. */
  readonly message: string;
  /** Whether trying again can help without anybody doing something. */
  readonly recoverable: boolean;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The WebSocket close code, where there was one. */
  readonly closeCode?: number;
  /** The HTTP status, where there was one. */
  readonly httpStatus?: number;
}

/** What every error of this package is an instance of. */
export class ClaudeOpsError extends Error {
  override readonly name: string = "ClaudeOpsError";
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.retryable = retryable;
  }
}

/** The server refused a request. Branch on {@link code}, never on the message. */
export class RequestError extends ClaudeOpsError {
  override readonly name = "RequestError";
  readonly code: ErrorCode | (string & {});
  /** Set for `rate_limited`: milliseconds to wait. */
  readonly retryAfterMs: number | undefined;
  /** E.g. which field is wrong; its form depends on the code. */
  readonly details: unknown;
  /** Set for REST. */
  readonly httpStatus: number | undefined;

  constructor(
    code: string,
    message: string,
    more: { retryable?: boolean; retryAfterMs?: number; details?: unknown; httpStatus?: number } = {},
  ) {
    super(message, more.retryable ?? false);
    this.code = code;
    this.retryAfterMs = more.retryAfterMs;
    this.details = more.details;
    this.httpStatus = more.httpStatus;
  }
}

/** No answer came in time. The request may or may not have been carried out. */
export class TimeoutError extends ClaudeOpsError {
  override readonly name = "TimeoutError";

  constructor(message: string) {
    super(message, true);
  }
}

/** The connection was closed, gave up, or was lost with a request under way that must not be sent twice. */
export class ConnectionError extends ClaudeOpsError {
  override readonly name = "ConnectionError";
  /** What was wrong with the connection; undefined when it was closed on purpose. */
  readonly problem: ConnectionProblem | undefined;

  constructor(message: string, problem?: ConnectionProblem) {
    super(message, problem?.recoverable ?? false);
    this.problem = problem;
  }
}

/** Too much waits to be sent already; nothing of this message was queued. */
export class QueueFullError extends ClaudeOpsError {
  override readonly name = "QueueFullError";

  constructor(message: string) {
    super(message, true);
  }
}

/** The pool's limit is reached and every connection in it is in use. */
export class PoolFullError extends ClaudeOpsError {
  override readonly name = "PoolFullError";

  constructor(message: string) {
    super(message, true);
  }
}
