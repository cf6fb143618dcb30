import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEvent } from "../src/log/describe.js";
import type { LogEvent, Stream } from "../src/log/event.js";
import { type BuiltPage, buildPage, columns, jsonOf, NOTHING_OPEN, type Row } from "../src/log/rows.js";
import type { Page } from "../src/log/store.js";

function newLine(seq: number, message: string, more: Partial<LogEvent> = {}): LogEvent {
  return {
    type: "execution:log",
    seq,
    timestamp: "2026-11-22T14:02:11.201Z",
    level: "info",
    stream: "stdout",
    message,
    ...more,
  };
}

function newPage(index: number, size: number, slots: Page["slots"]): Page {
  return { index, base: index * size + 1, slots, filled: slots.length, version: 1 };
}

const shown = (built: BuiltPage) =>
  built.rows.filter((row): row is Row => row !== null && row.joins === null).map((row) => row.text);

describe("buildPage", () => {
  test("a line that came in parts is one row", () => {
    const built = buildPage(
      newPage(0, 256, [
        newLine(1, "one ", { partial: true }),
        newLine(2, "two ", { partial: true }),
        newLine(3, "three"),
        newLine(4, "next"),
      ]),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(shown(built)).toEqual(["one two three", "next"]);
    expect(built.rows[0]?.parts).toBe(3);
    expect(built.rows[2]?.joins).toBe(1);
  });

  test("streams are joined each by itself", () => {
    const built = buildPage(
      newPage(0, 256, [
        newLine(1, "out ", { partial: true }),
        newLine(2, "err ", { partial: true, stream: "stderr" }),
        newLine(3, "done"),
        newLine(4, "done", { stream: "stderr" }),
      ]),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(shown(built)).toEqual(["out done", "err done"]);
  });

  test("a line goes on over the page's edge", () => {
    const first = buildPage(
      newPage(0, 2, [newLine(1, "a"), newLine(2, "b", { partial: true })]),
      NOTHING_OPEN,
      describeEvent,
    );
    const second = buildPage(newPage(1, 2, [newLine(3, "c"), newLine(4, "d")]), first.carry, describeEvent);
    expect(shown(first)).toEqual(["a", "bc"]);
    expect(shown(second)).toEqual(["d"]);
  });

  test("a page that only grew keeps its rows", () => {
    const slots = [newLine(1, "a"), newLine(2, "b", { partial: true })];
    const first = buildPage(newPage(0, 256, [...slots]), NOTHING_OPEN, describeEvent);
    const grown = buildPage(newPage(0, 256, [...slots, newLine(3, "c")]), NOTHING_OPEN, describeEvent, first);
    expect(grown.rows[0]).toBe(first.rows[0]);
    expect(grown.rows[1]).toBe(first.rows[1]);
    expect(grown.rows[1]?.text).toBe("bc");
    expect(grown.rows[1]?.version).toBe(1);
  });

  test("progress that rewrites its line shows its last state, and does not pile up", () => {
    const slots = Array.from({ length: 200 }, (_, i) => newLine(i + 1, `${i} %\r`, { partial: true }));
    const built = buildPage(newPage(0, 256, slots), NOTHING_OPEN, describeEvent);
    expect(shown(built)).toEqual(["199 %"]);
    expect(built.carry.open.stdout?.line.text.length).toBeLessThan(20);
  });

  test("a line past the limit goes on in a row of its own", () => {
    const part = "x".repeat(400_000);
    const built = buildPage(
      newPage(
        0,
        256,
        [1, 2, 3, 4].map((seq) => newLine(seq, part, { partial: true })),
      ),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(shown(built).map((text) => text.length)).toEqual([1_200_000, 400_000]);
  });

  test("colours go on over lines and pages, each stream by itself", () => {
    const first = buildPage(
      newPage(0, 3, [
        newLine(1, "\x1b[31mred"),
        newLine(2, "plain", { stream: "stderr" }),
        newLine(3, "still\rred"),
      ]),
      NOTHING_OPEN,
      describeEvent,
    );
    const second = buildPage(
      newPage(1, 3, [newLine(4, "red \x1b[0mplain"), newLine(5, "plain")]),
      first.carry,
      describeEvent,
    );
    expect(first.rows.map((row) => row?.spans?.[0]?.style ?? null)).toEqual([{ fg: 1 }, null, { fg: 1 }]);
    expect(second.rows[0]?.spans).toEqual([
      { text: "red ", at: 0, style: { fg: 1 } },
      { text: "plain", at: 4, style: null },
    ]);
    expect(second.rows[1]?.spans).toBeNull();
    expect(second.carry).toBe(NOTHING_OPEN);
  });

  test("an escape sequence that is cut between two events is one", () => {
    const built = buildPage(
      newPage(0, 256, [newLine(1, "a\x1b[3", { partial: true }), newLine(2, "1mred\x1b[0m")]),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(built.rows[0]?.text).toBe("ared");
    expect(built.rows[0]?.spans?.[1]).toEqual({ text: "red", at: 1, style: { fg: 1 } });
  });

  test("UTF-16 output is read", () => {
    const built = buildPage(
      newPage(0, 256, [
        newLine(1, "��O\0K\0\r\0", { raw: btoa("\xff\xfeO\0K\0\r\0") }),
        newLine(2, "\0t\0w\0o\0\r\0"),
      ]),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(shown(built)).toEqual(["OK", "two"]);
  });

  test("a gap is one mark, its inside has no rows", () => {
    const gap = { type: "logs:gap", from: 2, to: 4, reason: "damaged" } as const;
    const built = buildPage(
      newPage(0, 256, [newLine(1, "a"), gap, gap, gap, newLine(5, "b")]),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(shown(built)).toEqual(["a", "Lines 2 to 4 are missing: damaged on disk", "b"]);
  });

  test("groups, commands and other data", () => {
    const built = buildPage(
      newPage(0, 256, [
        newLine(1, "Build", { data: { command: "group", group: "Build" } }),
        newLine(2, "careful", { data: { command: "warning" } }),
        newLine(3, "", { data: { command: "endgroup", group: "Build" } }),
        newLine(4, "Read a.go", { stream: "agent", data: { tool: "Read" } }),
      ]),
      NOTHING_OPEN,
      describeEvent,
    );
    expect(built.rows.map((row) => [row?.groupStart, row?.groupEnd, row?.data])).toEqual([
      ["Build", false, undefined],
      [null, false, undefined],
      [null, true, undefined],
      [null, false, { tool: "Read" }],
    ]);
  });

  test("however a log is cut into pages and however they arrive, the same text is shown", () => {
    const event = fc.record({
      message: fc.constantFrom("a", "bb", "", "c\rd", "e\r"),
      partial: fc.boolean(),
      stream: fc.constantFrom<Stream>("stdout", "stderr"),
    });
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (parts, size) => {
          const events = parts.map((part, i) => newLine(i + 1, part.message, part));
          const whole = shown(buildPage(newPage(0, 1000, events), NOTHING_OPEN, describeEvent));

          let carry = NOTHING_OPEN;
          const cut: BuiltPage[] = [];
          for (let index = 0; index * size < events.length; index++) {
            const slots = events.slice(index * size, (index + 1) * size);
            // Each page grows event by event, as at the live edge.
            let built: BuiltPage | undefined;
            for (let n = 1; n <= slots.length; n++)
              built = buildPage(newPage(index, size, slots.slice(0, n)), carry, describeEvent, built);
            cut.push(built as BuiltPage);
            carry = (built as BuiltPage).carry;
          }
          expect(cut.flatMap(shown)).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });
});

test("columns counts what a terminal would", () => {
  expect(columns("abc")).toBe(3);
  expect(columns("a\tb")).toBe(9);
  expect(columns("日本")).toBe(4);
  expect(columns("e\u0301")).toBe(1);
});

test("jsonOf unfolds objects and lists, nothing else", () => {
  expect(jsonOf('{"a":1, "b":2}')).toEqual({ a: 1, b: 2 });
  expect(jsonOf('  ["a","b"]  ')).toEqual(["a", "b"]);
  for (const text of ["{}", "[INFO] started]", "{not json at all}", '"a string"', "12345678", '{"a":1'])
    expect(jsonOf(text)).toBeUndefined();
});
