import { parseJson } from "./json.js";
import { type ExecutionEvent, type ServerMessage, shapes } from "./protocol.gen.js";
import type { UnknownEvent, WatchedEvent } from "./watch.js";

/** A message as it came in: an event, or one of the server's other messages. */
export type Incoming = WatchedEvent | ServerMessage;

/** Why a line is not a message: its type is not known here, or it is none at all. Both are skipped. */
export type Skipped = "unknown" | "malformed";

type Fields = Record<string, unknown>;

interface Field {
  readonly name: string;
  /** `s` `n` `b` `a` `o` `x`, or the name of a shape. */
  readonly kind: string;
  readonly list: boolean;
  readonly optional: boolean;
}

const parsedShapes = new Map<string, readonly Field[]>();

function shapeOf(name: string): readonly Field[] | undefined {
  let fields = parsedShapes.get(name);
  if (fields === undefined && Object.hasOwn(shapes, name)) {
    fields = (shapes[name] ?? "").split(" ").map((text) => {
      const [field = "", kind = "", list, optional] = /^(\w+):(\w+)(\[\])?(\?)?$/.exec(text)?.slice(1) ?? [];
      return { name: field, kind, list: list !== undefined, optional: optional !== undefined };
    });
    parsedShapes.set(name, fields);
  }
  return fields;
}

/**
 * Reads a frame: one or more messages, each a line. What can't be read is left out, for a newer
 * server may say things this client does not know.
 */
export function parseFrame(frame: string): Incoming[] {
  const messages: Incoming[] = [];
  for (let start = 0; start < frame.length; ) {
    let end = frame.indexOf("\n", start);
    if (end < 0) end = frame.length;
    if (end > start) {
      const message = parseMessage(frame.slice(start, end));
      if (typeof message === "object") messages.push(message);
    }
    start = end + 1;
  }
  return messages;
}

/** Reads one message. What it gives holds what its type promises, however deep. */
export function parseMessage(line: string): Incoming | Skipped {
  let parsed: unknown;
  try {
    parsed = parseJson(line);
  } catch {
    return "malformed";
  }
  if (!isObject(parsed) || typeof parsed.type !== "string") return "malformed";
  const { type } = parsed;
  const shape = shapeOf(type);
  if (type.startsWith("execution:") && type !== "execution:status") {
    const { executionId, seq } = parsed;
    if (typeof executionId !== "string" || executionId === "" || !isSeq(seq) || seq === 0) {
      return shape === undefined ? "unknown" : "malformed";
    }
    if (shape !== undefined && conforms(parsed, shape)) return parsed as unknown as ExecutionEvent;
    return unknownEvent(executionId, seq, parsed);
  }
  if (shape === undefined || !isServerType(type)) return "unknown";
  return conforms(parsed, shape) ? (parsed as unknown as ServerMessage) : "malformed";
}

/** Reads a shared object of the contract from an answer; undefined when it is none. */
export function parseShape(value: unknown, name: string): Fields | undefined {
  return isObject(value) && conforms(value, shapeOf(name) ?? []) ? value : undefined;
}

/** Whether something is a place in an execution's order that a number can hold. */
export function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Shapes of shared objects stand in the same table; only types on the wire begin in lower case. */
function isServerType(type: string): boolean {
  const first = type.charAt(0);
  return first >= "a" && first <= "z";
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownEvent(executionId: string, seq: number, fields: Fields): UnknownEvent {
  const { timestamp } = fields;
  return {
    type: "unknown",
    executionId,
    seq,
    timestamp: typeof timestamp === "string" ? timestamp : "",
    fields,
  };
}

/**
 * Whether the fields are what the shape says. A server leaves out what is empty, so a field that is
 * missing though its type always has it is filled with what empty means.
 */
function conforms(fields: Fields, shape: readonly Field[]): boolean {
  for (const { name, kind, list, optional } of shape) {
    const value = fields[name];
    if (value === undefined || value === null) {
      if (kind === "x") continue;
      if (optional) {
        if (value === null) delete fields[name];
        continue;
      }
      const empty = emptyOf(kind, list);
      fields[name] = empty;
      if (!holds(empty, kind, list)) return false;
    } else if (!holds(value, kind, list)) {
      return false;
    }
  }
  return true;
}

function emptyOf(kind: string, list: boolean): unknown {
  if (list || kind === "a") return [];
  if (kind === "s") return "";
  if (kind === "n") return 0;
  if (kind === "b") return false;
  return {};
}

function holds(value: unknown, kind: string, list: boolean): boolean {
  if (list) return Array.isArray(value) && value.every((item) => holds(item, kind, false));
  switch (kind) {
    case "s":
      return typeof value === "string";
    case "n":
      return typeof value === "number";
    case "b":
      return typeof value === "boolean";
    case "a":
      return Array.isArray(value);
    case "o":
      return isObject(value);
    case "x":
      return true;
    default:
      return isObject(value) && conforms(value, shapeOf(kind) ?? []);
  }
}
