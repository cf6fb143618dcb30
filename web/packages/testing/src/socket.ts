import { type ClientMessage, protocolVersion, type ServerMessage } from "@claudeops/client";
import type { FakeHost } from "./host.js";

type Listener = (event: never) => void;

/** A WebSocket whose other end is the fake server. */
export class FakeSocket {
  readonly url: string;
  readyState = 0;
  readonly bufferedAmount = 0;
  readonly #server: FakeHost<FakeSocket>;
  readonly #listeners = new Map<string, Listener[]>();
  readonly #cursors = new Map<string, number>();
  #feed = false;
  #stopJournals: () => void = () => {};

  constructor(url: string, server: FakeHost<FakeSocket>) {
    this.url = url;
    this.#server = server;
    queueMicrotask(() => this.#open());
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(frame: string): void {
    if (this.readyState !== 1) throw new Error("the socket is not open");
    for (const line of frame.split("\n")) if (line.trim() !== "") this.#receive(line);
  }

  close(code = 1000, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#stopJournals();
    this.#server.left(this);
    queueMicrotask(() => this.#emit("close", { code, reason }));
  }

  /** Says something to the client. */
  say(message: ServerMessage): void {
    queueMicrotask(() => {
      if (this.readyState === 1) this.#emit("message", { data: `${JSON.stringify(message)}\n` });
    });
  }

  #emit(type: string, event: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  #open(): void {
    if (this.readyState !== 0) return;
    if (!this.#server.joined(this)) {
      this.readyState = 3;
      this.#emit("error", {});
      this.#emit("close", { code: 1006, reason: "" });
      return;
    }
    this.readyState = 1;
    this.#emit("open", {});
    const { journals } = this.#server;
    this.#stopJournals = journals.listen((event) => {
      const cursor = this.#cursors.get(event.executionId);
      if (cursor !== undefined && event.seq > cursor) {
        this.#cursors.set(event.executionId, event.seq);
        this.say(event as unknown as ServerMessage);
      } else if (cursor === undefined && this.#feed && event.type !== "execution:log")
        this.say(event as unknown as ServerMessage);
    });
    this.say({
      type: "connection",
      message: "Connected to a fake server",
      protocol: protocolVersion,
      connectionId: this.#server.newConnectionId(),
      serverTime: new Date(this.#server.now()).toISOString(),
      heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
      limits: this.#server.limits,
      user: this.#server.user,
    } as ServerMessage);
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as ClientMessage;
    this.#server.received.push(message);
    const named = message.id === undefined ? {} : { id: message.id };
    const refused = this.#server.refusalOf(message);
    if (refused) {
      this.say({ type: "error", ...named, ...refused } as ServerMessage);
      return;
    }
    const { journals } = this.#server;
    switch (message.type) {
      case "auth":
        return;
      case "ping":
        this.say({
          type: "pong",
          ...named,
          timestamp: message.timestamp,
          serverTime: new Date(this.#server.now()).toISOString(),
        });
        return;
      case "agent:execute": {
        const { execution, existing } = this.#server.execute(
          message.agentType,
          message.config ?? {},
          message.idempotencyKey,
        );
        const { executionId, status } = execution.record;
        this.say({ type: "ack", ...named, executionId, status, queuePosition: 0, existing });
        return;
      }
      case "executions:subscribe":
        this.#feed = true;
        this.say({ type: "executions:snapshot", ...named, executions: journals.records() });
        return;
      case "executions:unsubscribe":
        this.#feed = false;
        break;
      case "system:subscribe":
        this.say({ type: "ack", ...named });
        this.say(this.#server.system());
        return;
      case "logs:unsubscribe":
        this.#cursors.delete(message.executionId);
        break;
      case "agent:cancel":
      case "agent:input":
      case "agent:status":
      case "logs:subscribe":
      case "logs:search": {
        const record = journals.record(message.executionId);
        if (record === undefined) {
          this.say({
            type: "error",
            ...named,
            code: "not_found",
            message: `there is no execution ${message.executionId}`,
            retryable: false,
          });
          return;
        }
        this.#about(message, record.executionId, named);
        return;
      }
    }
    this.say({ type: "ack", ...named });
  }

  /** A message about an execution that is there. */
  #about(message: ClientMessage, executionId: string, named: { id?: string }): void {
    const { journals } = this.#server;
    const record = journals.record(executionId);
    const events = journals.events(executionId) ?? [];
    if (record === undefined) return;
    switch (message.type) {
      case "agent:status":
        this.say({ type: "execution:status", ...named, ...record });
        return;
      case "agent:cancel":
        this.say({
          type: "ack",
          ...named,
          executionId,
          status: record.terminal ? record.status : "cancelling",
        });
        if (!record.terminal) this.#server.stop(executionId, message.reason);
        return;
      case "logs:subscribe": {
        const head = events.length;
        const since = message.tail === undefined ? (message.since ?? 0) : Math.max(0, head - message.tail);
        this.#cursors.set(executionId, head);
        this.say({ type: "logs:subscribed", ...named, executionId, from: since + 1, head });
        for (const event of events.slice(since)) this.say(event as unknown as ServerMessage);
        return;
      }
      case "logs:search": {
        const matches = this.#server.search(executionId, message);
        const total = matches.length;
        this.say({ type: "logs:matches", ...named, executionId, matches, total, complete: true });
        this.say({ type: "ack", ...named, total, complete: true });
        return;
      }
      default:
        this.say({ type: "ack", ...named, executionId });
    }
  }
}
