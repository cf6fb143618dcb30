import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LogEvent } from "../src/log/event.js";
import { LogModel } from "../src/log/model.js";
import { DEFAULT_SETTINGS } from "../src/log/settings.js";
import { LogStore } from "../src/log/store.js";
import { diffLines } from "../src/transcript/diff.js";
import { commandOf, contentText, editsOf, entryOf, mainArgument } from "../src/transcript/entry.js";
import { TranscriptLens } from "../src/transcript/lens.js";
import { markdownOf, transcriptMarkdown } from "../src/transcript/markdown.js";
import { FakeSource } from "./fake-source.js";

function said(message: string, data: Record<string, unknown>): Partial<LogEvent> {
  return { stream: "agent", message, data };
}

async function open(source: FakeSource) {
  const lens = new TranscriptLens();
  const model = new LogModel(new LogStore(source), { ...DEFAULT_SETTINGS, wrap: true }, lens);
  const leave = model.subscribe(() => {});
  model.setSize(800, 20, 80);
  const look = async (times = 10) => {
    for (let i = 0; i < times; i++) {
      model.getView();
      await vi.advanceTimersByTimeAsync(20);
    }
    return model.getView();
  };
  await look();
  return { lens, model, look, leave };
}

describe("TranscriptLens", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a result belongs to its call, and what says nothing is left out", async () => {
    const source = new FakeSource();
    const events = [
      said("Look", { kind: "user" }),
      said("ls", { kind: "tool", id: "a", name: "Bash", input: { command: "ls" } }),
      said("system/x", { kind: "raw" }),
      said("grep", { kind: "tool", id: "b", name: "Grep", parent: "a" }),
      said("main.go", { kind: "tool_result", id: "a", isError: false, content: "main.go" }),
      said("none", { kind: "tool_result", id: "b", isError: true, content: "none" }),
      said("orphan", { kind: "tool_result", id: "c", content: "orphan" }),
    ];
    source.append(events.length, (seq) => events[seq - 1] ?? {});
    const { lens, model, look, leave } = await open(source);
    let view = await look();
    expect(view.rows.map((row) => row.seq)).toEqual([1, 2, 4, 7]);
    const row = model.row(2);
    const entry = row && lens.entry(row);
    expect(entry && lens.resultOf(entry)?.text).toBe("main.go");
    const inner = model.row(4);
    expect(lens.depthOf(inner && lens.entry(inner))).toBe(1);
    // A hit inside a result leads to its call, unfolded.
    model.goTo(5);
    view = await look();
    expect(view.rows.find((drawn) => drawn.seq === 2)?.expanded).toBe(true);
    lens.setRaw(true);
    model.refresh();
    view = await look();
    expect(view.rows.map((drawn) => drawn.seq)).toContain(3);
    leave();
  });

  test("a result that comes later is shown in its call", async () => {
    const source = new FakeSource();
    source.append(1, () => said("ls", { kind: "tool", id: "a", name: "Bash", input: { command: "ls" } }));
    const { lens, model, look, leave } = await open(source);
    const version = model.getView().rows[0]?.version ?? 0;
    source.listener?.events(
      source.append(1, () => said("done", { kind: "tool_result", id: "a", isError: false, content: "done" })),
    );
    const view = await look();
    expect(view.rows.map((row) => row.seq)).toEqual([1]);
    expect(view.rows[0]?.version).toBeGreaterThan(version);
    const row = model.row(1);
    const entry = row && lens.entry(row);
    expect(entry && lens.resultOf(entry)?.text).toBe("done");
    leave();
  });

  test("a session of 100,000 events is opened by reading its end", async () => {
    const source = new FakeSource();
    source.append(100_000, (seq) =>
      seq % 2 === 1
        ? said(`call ${seq}`, { kind: "tool", id: `t${seq}`, name: "Read", input: { file_path: "/a" } })
        : said(`result ${seq}`, { kind: "tool_result", id: `t${seq - 1}`, content: "x" }),
    );
    const { model, look, leave } = await open(source);
    const view = await look();
    expect(view.rows.at(-1)?.seq).toBe(99_999);
    expect(source.reads.reduce((sum, [, limit]) => sum + limit, 0)).toBeLessThan(4096);
    model.goTo(50_001);
    // What is not here yet is drawn in its own height; measuring it must not ask for another drawing.
    const before = model.getView();
    model.measured(new Map(before.rows.map((row) => [row.seq, 33])));
    const drawn = model.getView();
    model.measured(new Map(drawn.rows.map((row) => [row.seq, 33])));
    expect(model.getView()).toBe(drawn);
    expect((await look()).rows.map((row) => row.seq)).toContain(50_001);
    expect(model.store.held).toBeLessThan(70);
    leave();
  });
});

test("entryOf reads what drivers write, and leaves the rest to the log", () => {
  const event = (data: unknown): LogEvent => ({
    type: "execution:log",
    seq: 1,
    timestamp: "2026-11-22T14:02:11.201Z",
    data,
  });
  expect(entryOf(event(undefined))).toBeNull();
  expect(entryOf(event({ tool: "Read" }))).toBeNull();
  expect(entryOf(event([{ kind: "text" }]))).toBeNull();
  expect(entryOf(event({ kind: "later", id: 3 }))).toMatchObject({ kind: "notice", id: null });
  const todo = entryOf(
    event({ kind: "todo", items: [{ text: "a", status: "completed" }, "x", { status: 1 }] }),
  );
  expect(todo?.items).toEqual([{ text: "a", status: "completed" }]);
  expect(contentText([{ type: "text", text: "a" }, { type: "image" }, "b", 3], "")).toBe("a\n[image]\nb\n");
  expect(mainArgument({ command: ["git", "status"] })).toBe("git status");
  const edit = entryOf(
    event({
      kind: "tool",
      name: "MultiEdit",
      input: { file_path: "/a", edits: [{ old_string: "x", new_string: "y" }] },
    }),
  );
  expect(edit && editsOf(edit)).toEqual([{ path: "/a", before: "x", after: "y" }]);
  const write = entryOf(event({ kind: "tool", name: "Write", input: { file_path: "/a", content: "new" } }));
  expect(write && editsOf(write)).toEqual([{ path: "/a", before: "", after: "new" }]);
  const bash = entryOf(event({ kind: "tool", name: "Bash", input: { command: "ls" } }));
  expect(bash && [commandOf(bash), editsOf(bash)]).toEqual(["ls", []]);
});

test("diffLines takes away what was and adds what is", () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "c", ""), { minLength: 1, maxLength: 12 })
    .map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffLines(before, after);
      const of = (sign: string) =>
        lines
          .filter((line) => line.sign !== sign)
          .map((line) => line.text)
          .join("\n");
      expect(of("+")).toBe(before);
      expect(of("-")).toBe(after);
    }),
  );
  expect(diffLines("a\nb\nc", "a\nx\nc")).toEqual([
    { sign: " ", text: "a" },
    { sign: "-", text: "b" },
    { sign: "+", text: "x" },
    { sign: " ", text: "c" },
  ]);
});

test("a conversation is copied as Markdown", async () => {
  const source = new FakeSource();
  const events: Partial<LogEvent>[] = [
    said("Review it", { kind: "user" }),
    said("Bash: ls", { kind: "tool", id: "a", name: "Bash", input: { command: "ls" } }),
    said("out", { kind: "tool_result", id: "a", content: "main.go\n```" }),
    said("Fine.", { kind: "text", parent: "a" }),
    said("x", { kind: "raw" }),
    said("[x] one", { kind: "todo", items: [{ text: "one", status: "completed" }] }),
  ];
  source.append(events.length, (seq) => events[seq - 1] ?? {});
  const text = await transcriptMarkdown(new LogStore(source), 1, 6, new AbortController().signal);
  expect(text).toBe(
    "## Review it\n\n**Bash**\n\n```sh\nls\n```\n\n````\nmain.go\n```\n````\n\n> Fine.\n\n- [x] one\n",
  );
  expect(
    markdownOf({
      type: "execution:log",
      seq: 1,
      timestamp: "",
      stream: "stderr",
      message: "\x1b[31mred\x1b[0m",
    }),
  ).toBe("```\nred\n```");
});
