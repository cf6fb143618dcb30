import type { LogEvent } from "../log/event.js";

/** What an event of an agent's conversation is, as its driver wrote it (`data.kind`). */
export type EntryKind =
  | "text"
  | "thinking"
  | "user"
  | "tool"
  | "tool_result"
  | "todo"
  | "subagent"
  | "retry"
  | "limit"
  | "session"
  | "result"
  | "notice"
  | "raw";

const KINDS: ReadonlySet<string> = new Set<EntryKind>([
  "text",
  "thinking",
  "user",
  "tool",
  "tool_result",
  "todo",
  "subagent",
  "retry",
  "limit",
  "session",
  "result",
  "notice",
  "raw",
]);

export interface TodoItem {
  readonly text: string;
  readonly status: string;
}

/** One event of a conversation. */
export interface TranscriptEntry {
  readonly kind: EntryKind;
  /** The tool call that started the subagent which says this. */
  readonly parent: string | null;
  /** Of a tool call or subagent. */
  readonly id: string | null;
  readonly name: string;
  readonly model: string;
  readonly input: unknown;
  readonly isError: boolean;
  readonly content: unknown;
  readonly items: readonly TodoItem[];
  readonly status: string;
  /** What it cost, where the driver says so. */
  readonly usd: number | null;
  /** The message is only the beginning; the whole is in `raw`. */
  readonly truncated: boolean;
  /** What the agent's program wrote. */
  readonly raw: unknown;
}

const entries = new WeakMap<object, TranscriptEntry | null>();

/** Reads an event's data; null where it is no part of a conversation. */
export function entryOf(event: LogEvent): TranscriptEntry | null {
  const { data } = event;
  if (event.type !== "execution:log" || typeof data !== "object" || data === null || Array.isArray(data))
    return null;
  const known = entries.get(data);
  if (known !== undefined) return known;
  const entry = read(data as Record<string, unknown>);
  entries.set(data, entry);
  return entry;
}

function read(data: Record<string, unknown>): TranscriptEntry | null {
  const { kind } = data;
  if (typeof kind !== "string") return null;
  const text = (name: string): string => (typeof data[name] === "string" ? (data[name] as string) : "");
  return {
    // Kinds of a later server are told by their message.
    kind: KINDS.has(kind) ? (kind as EntryKind) : "notice",
    parent: text("parent") || null,
    id: text("id") || null,
    name: text("name"),
    model: text("model"),
    input: data.input,
    isError: data.isError === true,
    content: data.content,
    items: Array.isArray(data.items) ? data.items.flatMap(itemOf) : [],
    status: text("status"),
    usd: typeof data.usd === "number" ? data.usd : null,
    truncated: data.truncated === true,
    raw: data.raw,
  };
}

function itemOf(item: unknown): TodoItem[] {
  if (typeof item !== "object" || item === null) return [];
  const { text, status } = item as Record<string, unknown>;
  return typeof text === "string" ? [{ text, status: typeof status === "string" ? status : "pending" }] : [];
}

const MAIN = [
  "command",
  "cmd",
  "file_path",
  "pattern",
  "path",
  "notebook_path",
  "url",
  "query",
  "description",
  "prompt",
  "skill",
  "question",
  "subject",
] as const;

/** What a tool's input is about: a command, a path. */
export function mainArgument(input: unknown): string {
  if (typeof input !== "object" || input === null) return typeof input === "string" ? input : "";
  const fields = input as Record<string, unknown>;
  for (const name of MAIN) {
    const value = fields[name];
    if (typeof value === "string" && value !== "") return value;
    if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value.join(" ");
  }
  return "";
}

/** The text of a tool's result: itself, or its blocks of text, others by their type. */
export function contentText(content: unknown, fallback: string): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return fallback;
  return content
    .map((block: unknown) => {
      if (typeof block === "string") return block;
      if (typeof block !== "object" || block === null) return "";
      const { type, text } = block as Record<string, unknown>;
      return typeof text === "string" ? text : `[${typeof type === "string" ? type : "block"}]`;
    })
    .join("\n");
}

/** A piece of a file as it was and as it is to be. */
export interface Edit {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** The edits that a tool call makes; none for calls of other kinds. */
export function editsOf(entry: TranscriptEntry): readonly Edit[] {
  const input = entry.input as Record<string, unknown> | null | undefined;
  if (typeof input !== "object" || input === null) return [];
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  const path = text(input.file_path) ?? text(input.path) ?? text(input.notebook_path) ?? "";
  const one = (edit: Record<string, unknown>): Edit[] => {
    const before = text(edit.old_string) ?? text(edit.oldText) ?? text(edit.old_str);
    const after = text(edit.new_string) ?? text(edit.newText) ?? text(edit.new_str);
    if (before === null && after === null) return [];
    return [{ path: text(edit.path) ?? path, before: before ?? "", after: after ?? "" }];
  };
  if (Array.isArray(input.edits)) {
    return input.edits.flatMap((edit: unknown) =>
      typeof edit === "object" && edit !== null ? one(edit as Record<string, unknown>) : [],
    );
  }
  const edits = one(input);
  if (edits.length > 0) return edits;
  const whole = text(input.content) ?? text(input.new_source);
  return path !== "" && whole !== null && /write|create|edit/i.test(entry.name)
    ? [{ path, before: "", after: whole }]
    : [];
}

/** The command that a tool call runs; empty for calls of other kinds. */
export function commandOf(entry: TranscriptEntry): string {
  const input = entry.input as Record<string, unknown> | null | undefined;
  if (typeof input !== "object" || input === null) return "";
  const command = input.command ?? input.cmd;
  if (typeof command === "string") return command;
  return Array.isArray(command) ? command.map(String).join(" ") : "";
}
