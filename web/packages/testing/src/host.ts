import type {
  AgentDefinition,
  ClientMessage,
  ErrorCode,
  Limits,
  SearchMatch,
  SystemStatusMessage,
  User,
} from "@claudeops/client";
import type { FakeExecution } from "./execution.js";
import type { Journals } from "./journals.js";

/** What the server says no with. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: unknown;
}

/** What sockets and REST ask of the fake server. */
export interface FakeHost<Socket> {
  readonly base: URL;
  readonly agents: readonly AgentDefinition[];
  readonly user: User;
  readonly limits: Limits;
  readonly journals: Journals;
  readonly received: ClientMessage[];
  now(): number;
  newConnectionId(): string;
  /** A socket opens; false when there is nobody. */
  joined(socket: Socket): boolean;
  left(socket: Socket): void;
  refusalOf(message: ClientMessage): Refusal | undefined;
  execute(
    agentType: string,
    config: Readonly<Record<string, unknown>>,
    key: string | undefined,
  ): { readonly execution: FakeExecution; readonly existing: boolean };
  stop(executionId: string, reason: string | undefined): void;
  search(
    executionId: string,
    query: { readonly query: string; readonly regex?: boolean; readonly caseSensitive?: boolean },
  ): SearchMatch[];
  system(): SystemStatusMessage;
}
