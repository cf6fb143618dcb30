import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type ExecutionRecord, isTerminalType, type TransportName } from "../src/index.js";

/** Any message; the fake is free in what it says. */
export type Message = { type: string; id?: string } & Record<string, unknown>;

/** What becomes of an event on its way to a client. */
export type Fate = "deliver" | "omit" | "double";

interface Journal {
  readonly lines: string[];
  readonly grown: EventEmitter;
  /** Events up to this one are gone. */
  gone: number;
  agentType: string;
}

/** What a client follows over one connection or stream. */
interface Reader {
  readonly transport: TransportName;
  readonly write: (frame: string) => void;
  readonly cursors: Map<string, number>;
  feed: { agentType: string | undefined } | undefined;
}

export interface FakeOptions {
  /** When set, every transport asks for it. */
  token?: string;
  heartbeat?: { intervalMs: number; timeoutMs: number };
  limits?: Record<string, number>;
  permissions?: string[];
}

/**
 * A server in this process that speaks the contract over real sockets, and breaks on demand. It keeps
 * journals as lines and gives every reader what follows its cursor, as the real one does.
 */
export class FakeServer {
  readonly #http: Server;
  readonly #ws = new WebSocketServer({ noServer: true });
  readonly #sockets = new Set<Socket>();
  readonly #journals = new Map<string, Journal>();
  readonly #readers = new Set<Reader>();
  readonly #live = new Set<WebSocket>();
  readonly #changed = new EventEmitter().setMaxListeners(0);
  readonly #options: FakeOptions;
  #feedCount = 0;
  #connections = 0;

  /** Transports that a proxy would not let through. */
  readonly blocked = new Set<TransportName>();
  /** Every message a client has sent, over whichever transport. */
  readonly received: Message[] = [];
  /** How often each transport was opened (each poll counts). */
  readonly opened: Record<TransportName, number> = { websocket: 0, sse: 0, poll: 0 };
  /** Credentials as they came. */
  readonly tokens: (string | undefined)[] = [];
  readonly tickets = new Set<string>();
  fate: (executionId: string, seq: number, transport: TransportName) => Fate = () => "deliver";
  /** Answers a message instead of the fake; undefined leaves it to the fake, null says nothing at all. */
  answer: (message: Message, transport: TransportName) => readonly Message[] | null | undefined = () =>
    undefined;
  /** Waited for before an answer to a post goes out. */
  beforeAnswer: () => Promise<void> = () => Promise.resolve();
  /** Sees every frame of messages before it is read. */
  frame: (frame: string) => void = () => {};
  /** Which token holds now. */
  token: string | undefined;
  /** When set, a client is closed right after its greeting. */
  closeAtOnce: { code: number; reason: string } | undefined;

  private constructor(options: FakeOptions) {
    this.#options = options;
    this.token = options.token;
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#http.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  static async start(options: FakeOptions = {}): Promise<FakeServer> {
    const server = new FakeServer(options);
    await server.listen(0);
    return server;
  }

  async listen(port: number): Promise<void> {
    this.#http.listen(port, "127.0.0.1");
    await once(this.#http, "listening");
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  /** WebSockets that are open. */
  get live(): number {
    return this.#live.size;
  }

  /** Connections and streams that are read. */
  get readers(): number {
    return this.#readers.size;
  }

  async stop(): Promise<void> {
    if (!this.#http.listening) return;
    this.drop();
    this.#changed.emit("change");
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  /** Resolves when something is so; it is looked at whenever the fake does or gets something. */
  async until(so: () => boolean): Promise<void> {
    while (!so()) await once(this.#changed, "change");
  }

  /** Cuts every connection, without a word. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes every WebSocket. */
  close(code: number, reason = ""): void {
    for (const socket of this.#live) socket.close(code, reason);
  }

  /** Says something to everybody who is connected. */
  say(frame: string): void {
    for (const reader of [...this.#readers]) reader.write(frame);
  }

  // Executions

  journal(executionId: string, agentType = "test"): Journal {
    let journal = this.#journals.get(executionId);
    if (journal === undefined) {
      journal = { lines: [], grown: new EventEmitter(), gone: 0, agentType };
      this.#journals.set(executionId, journal);
    }
    return journal;
  }

  forget(executionId: string): void {
    this.#journals.delete(executionId);
  }

  /** Adds events, given without executionId, seq and timestamp. */
  append(executionId: string, ...events: Record<string, unknown>[]): void {
    const journal = this.journal(executionId);
    const added: { line: string; type: string; seq: number }[] = [];
    for (const { type, ...fields } of events) {
      const seq = journal.lines.length + 1;
      const line = JSON.stringify({
        type,
        executionId,
        seq,
        timestamp: "2026-11-22T20:11:00.000Z",
        ...fields,
      });
      if (type === "execution:queued") journal.agentType = String(fields.agentType ?? journal.agentType);
      journal.lines.push(line);
      added.push({ line, type: String(type), seq });
    }
    this.#feedCount += added.length;
    for (const reader of [...this.#readers]) this.#give(reader, executionId, added);
    this.#changed.emit("change");
  }

  /** Adds log lines. */
  log(executionId: string, ...messages: string[]): void {
    this.append(
      executionId,
      ...messages.map((message) => ({ type: "execution:log", level: "info", stream: "stdout", message })),
    );
  }

  start(executionId: string, agentType = "test"): void {
    this.append(
      executionId,
      { type: "execution:queued", agentType, config: {}, trigger: { kind: "ws", user: "owner" } },
      { type: "execution:started", agentType, command: ["x"], workdir: "/", pid: 1, host: "h" },
    );
  }

  complete(executionId: string): void {
    this.append(executionId, {
      type: "execution:completed",
      cost: 0,
      exitCode: 0,
      durationMs: 1,
      processesReaped: 0,
    });
  }

  record(executionId: string): ExecutionRecord {
    const { lines, agentType } = this.journal(executionId);
    const last = JSON.parse(lines.at(-1) ?? '{"type":"execution:queued"}') as { type: string };
    const terminal = isTerminalType(last.type);
    const status = terminal ? (last.type.slice("execution:".length) as ExecutionRecord["status"]) : "running";
    return {
      executionId,
      agentType,
      status,
      terminal,
      head: lines.length,
      queuedAt: "2026-11-22T20:11:00.000Z",
      cost: 0,
      processesReaped: 0,
      trigger: { kind: "ws", user: "owner" },
    };
  }

  /** Gives one reader what is new of one execution. */
  #give(
    reader: Reader,
    executionId: string,
    added: readonly { line: string; type: string; seq: number }[],
  ): void {
    let frame = "";
    const cursor = reader.cursors.get(executionId);
    for (const { line, type, seq } of added) {
      if (cursor !== undefined && seq > cursor) {
        reader.cursors.set(executionId, seq);
        const fate = this.fate(executionId, seq, reader.transport);
        if (fate !== "omit") frame += `${line}\n`;
        if (fate === "double") frame += `${line}\n`;
        if (isTerminalType(type)) reader.cursors.delete(executionId);
      } else if (cursor === undefined && reader.feed !== undefined && type !== "execution:log") {
        const { agentType } = reader.feed;
        if (agentType === undefined || agentType === this.journal(executionId).agentType)
          frame += `${line}\n`;
      }
    }
    if (frame !== "") reader.write(frame);
  }

  /** Gives a reader everything after its cursor. */
  #replay(reader: Reader, executionId: string): void {
    const { lines, gone } = this.journal(executionId);
    let since = reader.cursors.get(executionId) ?? 0;
    if (since < gone) {
      reader.write(
        `${JSON.stringify({ type: "logs:gap", executionId, from: since + 1, to: gone, reason: "retention" })}\n`,
      );
      since = gone;
      reader.cursors.set(executionId, gone);
    }
    const rest = lines
      .slice(since)
      .map((line, i) => ({ line, type: (JSON.parse(line) as Message).type, seq: since + i + 1 }));
    // In frames of some events, as a catch-up comes.
    for (let i = 0; i < rest.length; i += 500) this.#give(reader, executionId, rest.slice(i, i + 500));
  }

  #snapshot(agentType: string | undefined): ExecutionRecord[] {
    return [...this.#journals.keys()]
      .map((id) => this.record(id))
      .filter((record) => agentType === undefined || record.agentType === agentType);
  }

  // Messages

  #greeting(): Message {
    const { heartbeat = { intervalMs: 25_000, timeoutMs: 10_000 }, limits = {} } = this.#options;
    return {
      type: "connection",
      message: "Connected to Agent Runner",
      protocol: 1,
      connectionId: `c${++this.#connections}`,
      serverTime: "2026-11-22T20:11:00.000Z",
      heartbeat,
      limits: {
        maxMessageBytes: 65536,
        messagesPerSecond: 0,
        messageBurst: 0,
        maxSubscriptions: 100,
        ...limits,
      },
      user: { id: "owner", permissions: this.#options.permissions ?? ["admin"] },
    };
  }

  #receive(
    frame: string,
    transport: TransportName,
    reader: Reader | undefined,
    reply: (message: Message) => void,
  ): void {
    this.frame(frame);
    for (const line of frame.split("\n")) {
      if (line.trim() === "") continue;
      const message = JSON.parse(line) as Message;
      this.received.push(message);
      const instead = this.answer(message, transport);
      if (instead === undefined) this.#carryOut(message, reader, reply);
      else for (const one of instead ?? []) reply(one);
    }
    this.#changed.emit("change");
  }

  #carryOut(message: Message, reader: Reader | undefined, reply: (message: Message) => void): void {
    const { type, id } = message;
    const named = id === undefined ? {} : { id };
    const executionId = String(message.executionId);
    const unknown = (): boolean => {
      if (this.#journals.has(executionId)) return false;
      reply({
        type: "error",
        ...named,
        code: "not_found",
        message: `there is no execution ${executionId}`,
        retryable: false,
      });
      return true;
    };
    if (reader === undefined && /subscribe/.test(type)) {
      reply({
        type: "error",
        ...named,
        code: "bad_request",
        message: "over HTTP a subscription is a URL",
        retryable: false,
      });
      return;
    }
    switch (type) {
      case "ping":
        reply({
          type: "pong",
          ...named,
          timestamp: message.timestamp,
          serverTime: "2026-11-22T20:11:00.000Z",
        });
        return;
      case "agent:execute": {
        const newId = `e${this.#journals.size}`;
        this.start(newId, String(message.agentType));
        reply({ type: "ack", ...named, executionId: newId, status: "queued", queuePosition: 1 });
        return;
      }
      case "agent:status":
        if (!unknown()) reply({ type: "execution:status", ...named, ...this.record(executionId) });
        return;
      case "logs:subscribe": {
        if (unknown() || reader === undefined) return;
        const head = this.journal(executionId).lines.length;
        const since =
          message.tail === undefined ? Number(message.since ?? 0) : Math.max(0, head - Number(message.tail));
        if (since > head) {
          reply({
            type: "error",
            ...named,
            code: "bad_request",
            message: "since is past the end",
            retryable: false,
            details: { head },
          });
          return;
        }
        reader.cursors.set(executionId, since);
        reply({
          type: "logs:subscribed",
          ...named,
          executionId,
          from: Math.max(since, this.journal(executionId).gone) + 1,
          head,
        });
        this.#replay(reader, executionId);
        return;
      }
      case "logs:unsubscribe":
        reader?.cursors.delete(executionId);
        break;
      case "executions:subscribe": {
        if (reader === undefined) return;
        const agentType = message.agentType as string | undefined;
        reader.feed = { agentType };
        reply({ type: "executions:snapshot", ...named, executions: this.#snapshot(agentType) });
        return;
      }
      case "executions:unsubscribe":
        if (reader !== undefined) reader.feed = undefined;
        break;
      case "system:subscribe":
        if (this.#options.permissions?.includes("system:read") === false) {
          reply({
            type: "error",
            ...named,
            code: "forbidden",
            message: "needs the permission system:read",
            retryable: false,
          });
          return;
        }
        reply({ type: "ack", ...named });
        reply(systemStatus);
        return;
    }
    reply({ type: "ack", ...named, ...(message.executionId === undefined ? {} : { executionId }) });
  }

  // WebSocket

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.blocked.has("websocket") || !request.url?.startsWith("/api/ws")) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
      return;
    }
    const ticket = new URL(request.url, "http://x").searchParams.get("ticket");
    this.#ws.handleUpgrade(request, socket, head, (ws) => {
      this.opened.websocket++;
      this.#live.add(ws);
      const reader: Reader = {
        transport: "websocket",
        write: (frame) => ws.send(frame),
        cursors: new Map(),
        feed: undefined,
      };
      const reply = (message: Message) => ws.send(`${JSON.stringify(message)}\n`);
      const greet = () => {
        reply(this.#greeting());
        this.#readers.add(reader);
        if (this.closeAtOnce !== undefined) ws.close(this.closeAtOnce.code, this.closeAtOnce.reason);
        this.#changed.emit("change");
      };
      ws.on("close", () => {
        this.#live.delete(ws);
        this.#readers.delete(reader);
        this.#changed.emit("change");
      });
      ws.on("error", () => {});
      ws.on("message", (data: Buffer) => {
        const frame = data.toString();
        if (this.#readers.has(reader)) {
          this.#receive(frame, "websocket", reader, reply);
          return;
        }
        const first = JSON.parse(frame) as Message;
        this.received.push(first);
        this.tokens.push(first.token as string | undefined);
        if (first.type === "auth" && first.token === this.token) greet();
        else if (String(first.token).startsWith("expired"))
          ws.close(4401, "the credential has expired or was revoked");
        else ws.close(1008, "authentication failed");
      });
      if (this.token === undefined || (ticket !== null && this.tickets.delete(ticket))) greet();
    });
  }

  // HTTP

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://x");
    const transport: TransportName | undefined =
      url.pathname === "/api/events" ? "sse" : url.pathname === "/api/poll" ? "poll" : undefined;
    if (transport !== undefined && this.blocked.has(transport)) {
      // As proxies do that do not let streams through, and as they do without a server.
      const status = transport === "sse" ? 403 : 502;
      response.writeHead(status, { "Content-Type": "text/html" }).end("<h1>Not through here</h1>");
      return;
    }
    if (this.token !== undefined) {
      const given = request.headers.authorization?.replace(/^Bearer /, "");
      this.tokens.push(given);
      if (given !== this.token) {
        this.problem(response, 401, "unauthenticated", "the token is not valid");
        return;
      }
    }
    if (transport === "sse") return this.#events(url, response);
    if (transport === "poll") return this.#poll(url, response);
    if (request.method === "POST" && url.pathname === "/api/messages") {
      const frame = await bodyOf(request);
      let out = "";
      this.#receive(frame, "poll", undefined, (message) => {
        out += `${JSON.stringify(message)}\n`;
      });
      await this.beforeAnswer();
      response.writeHead(200, { "Content-Type": "application/x-ndjson" }).end(out);
      return;
    }
    if (url.pathname === "/api/system") {
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(systemStatus));
      return;
    }
    if (request.method === "POST" && url.pathname === "/api/tickets") {
      const ticket = `t${this.tickets.size}-${Math.random()}`;
      this.tickets.add(ticket);
      response
        .writeHead(201, { "Content-Type": "application/json" })
        .end(JSON.stringify({ ticket, expiresAt: "" }));
      return;
    }
    this.problem(response, 404, "not_found", `there is no ${url.pathname}`);
  }

  problem(response: ServerResponse, status: number, code: string, detail: string): void {
    response
      .writeHead(status, { "Content-Type": "application/problem+json" })
      .end(JSON.stringify({ type: "about:blank", status, code, detail, retryable: status >= 500 }));
  }

  /** What an address says is followed; undefined when the answer is a refusal, which has been given. */
  #readerOf(
    url: URL,
    response: ServerResponse,
    transport: TransportName,
    write: (frame: string) => void,
  ): Reader | undefined {
    const ids = url.searchParams.getAll("execution");
    const since = url.searchParams.getAll("since");
    const reader: Reader = { transport, write, cursors: new Map(), feed: undefined };
    for (const [i, id] of ids.entries()) {
      if (!this.#journals.has(id)) {
        this.problem(response, 404, "not_found", `there is no execution ${id}`);
        return undefined;
      }
      const cursor = Number(since[i] ?? 0);
      if (cursor > this.journal(id).lines.length) {
        this.problem(response, 400, "bad_request", `since is past the end of ${id}`);
        return undefined;
      }
      reader.cursors.set(id, cursor);
    }
    if (url.searchParams.has("executions"))
      reader.feed = { agentType: url.searchParams.get("agentType") ?? undefined };
    return reader;
  }

  #events(url: URL, response: ServerResponse): void {
    this.opened.sse++;
    const write = (frame: string) => {
      const data = frame
        .trimEnd()
        .split("\n")
        .map((line) => `data: ${line}\n`)
        .join("");
      response.write(`id: x\n${data}\n`);
    };
    const reader = this.#readerOf(url, response, "sse", write);
    if (reader === undefined) return;
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    response.write(": hello\n\n");
    const hello: Message[] = [this.#greeting()];
    for (const [executionId, since] of reader.cursors) {
      hello.push({
        type: "logs:subscribed",
        executionId,
        from: since + 1,
        head: this.journal(executionId).lines.length,
      });
    }
    write(hello.map((message) => `${JSON.stringify(message)}\n`).join(""));
    if (reader.feed !== undefined) {
      write(
        JSON.stringify({ type: "executions:snapshot", executions: this.#snapshot(reader.feed.agentType) }),
      );
    }
    if (url.searchParams.has("system")) write(JSON.stringify(systemStatus));
    for (const id of [...reader.cursors.keys()]) this.#replay(reader, id);
    this.#readers.add(reader);
    response.on("close", () => {
      this.#readers.delete(reader);
      this.#changed.emit("change");
    });
    this.#changed.emit("change");
  }

  async #poll(url: URL, response: ServerResponse): Promise<void> {
    this.opened.poll++;
    let body = "";
    let wake = () => {};
    const reader = this.#readerOf(url, response, "poll", (frame) => {
      body += frame.endsWith("\n") ? frame : `${frame}\n`;
      wake();
    });
    if (reader === undefined) return;
    if (!url.searchParams.has("connection")) body += `${JSON.stringify(this.#greeting())}\n`;
    const had = url.searchParams.get("executions");
    if (reader.feed !== undefined && had !== String(this.#feedCount + 100)) {
      body += `${JSON.stringify({ type: "executions:snapshot", executions: this.#snapshot(reader.feed.agentType) })}\n`;
    }
    for (const id of [...reader.cursors.keys()]) this.#replay(reader, id);
    this.#readers.add(reader);
    this.#changed.emit("change");
    if (body === "") {
      const wait = Number.parseFloat(url.searchParams.get("wait") ?? "25000");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        response.on("close", wake);
      });
    }
    this.#readers.delete(reader);
    response
      .writeHead(200, {
        "Content-Type": "application/x-ndjson",
        ...(reader.feed === undefined ? {} : { "ClaudeOps-Executions": String(this.#feedCount + 100) }),
      })
      .end(body);
  }
}

export const systemStatus: Message = {
  type: "system:status",
  timestamp: "2026-11-22T20:11:00.000Z",
  cpu: 12.5,
  memory: { used: 1, total: 2, percent: 50 },
  disk: { path: "/", used: 1, total: 2, percent: 50 },
  load: [1, 2, 3],
  executions: { queued: 0, running: 1 },
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
