import type { Authorization, Grant } from "../authorization.js";
import type { ConnectionProblem } from "../errors.js";
import type { TransportName } from "../options.js";
import { type Failure, failure, problem } from "../problems.js";
import type { ConnectionMessage } from "../protocol.gen.js";
import type { Outgoing } from "../queue.js";
import type { WebSocketConstructor } from "../socket.js";

/** What a transport needs of its connection. */
export interface TransportContext {
  readonly base: URL;
  readonly authorization: Authorization;
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket: WebSocketConstructor | undefined;
  /** The last event had of an execution that is followed; undefined when it is not followed. */
  cursor(executionId: string): number | undefined;
}

/** Where a transport's messages go. Nothing is called after `close()`, or after `closed`. */
export interface TransportHandlers {
  /** One or more messages, each a line. */
  frame(text: string): void;
  /** A sign of life that is no message. */
  alive(): void;
  /** It could not be had, or was lost. */
  closed(why: Failure): void;
}

/**
 * One way to one server, once: it opens itself, carries lines both ways until it is closed or lost,
 * and is not used again. The server's first message says that it is open.
 */
export interface Transport {
  readonly name: TransportName;
  /** Whether it can take more now without piling it up. */
  readonly writable: boolean;
  send(items: readonly Outgoing[]): void;
  /** The server has greeted: it says how often it gives a sign of life, and what the caller may do. */
  greeted(greeting: ConnectionMessage): void;
  /** Stops reading, lets what is being asked be answered, and then closes: another has taken over. */
  retire(): void;
  close(): void;
}

/** Opens a transport. It is made at once and opens in the background. */
export type OpenTransport = (context: TransportContext, handlers: TransportHandlers) => Transport;

/**
 * Makes sure that a credential the server no longer takes is not shown to it again, and that the
 * caller is told when there is no way to another.
 */
export function checkCredential(
  why: Failure,
  authorization: Authorization,
  grant: Grant | undefined,
): Failure {
  if (why.problem.type !== "expired" || authorization.refused(grant)) return why;
  const told: ConnectionProblem = { ...why.problem, recoverable: false };
  return { ...why, problem: why.problem.httpStatus === 401 ? { ...told, type: "unauthenticated" } : told };
}

/** A token could not be had. */
export function grantFailure(reason: unknown): Failure {
  const said = reason instanceof Error ? reason.message : String(reason);
  // A provider that fails may only have met a network that fails: it is asked again with the next try.
  return failure(problem("expired", `no credential could be had: ${said}`), { final: true });
}

/** The words of an error that was caught. */
export function messageOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  // What fetch throws in Node says only that it failed; the cause says why.
  return reason.cause instanceof Error && reason.cause.message ? reason.cause.message : reason.message;
}
