import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collapseReturns, paletteColour, parseAnsi, plainText } from "../src/log/ansi.js";

describe("parseAnsi", () => {
  test("plain text is one span", () => {
    expect(parseAnsi("hello")).toEqual([{ text: "hello", at: 0, style: null }]);
    expect(parseAnsi("")).toEqual([]);
  });

  test("the sixteen colours, bright and background", () => {
    expect(parseAnsi("\x1b[31mred\x1b[0m \x1b[92;41mbright\x1b[m.")).toEqual([
      { text: "red", at: 5, style: { fg: 1 } },
      { text: " ", at: 12, style: null },
      { text: "bright", at: 21, style: { fg: 10, bg: 1 } },
      { text: ".", at: 30, style: null },
    ]);
  });

  test.each([
    ["\x1b[38;5;141mx", { fg: 141 }],
    ["\x1b[48;5;7mx", { bg: 7 }],
    ["\x1b[38;2;255;150;50mx", { fg: "#ff9632" }],
    ["\x1b[38:2:255:150:50mx", { fg: "#ff9632" }],
    ["\x1b[38:2::255:150:50mx", { fg: "#ff9632" }],
    ["\x1b[48;2;0;0;1mx", { bg: "#000001" }],
    ["\x1b[1;38;5;9;4mx", { bold: true, fg: 9, underline: true }],
    ["\x1b[38;5;999mx", null],
    ["\x1b[38;2;1mx", null],
    ["\x1b[1m\x1b[22mx", null],
    ["\x1b[7mx", { inverse: true }],
  ])("%j", (raw, style) => {
    expect(parseAnsi(raw).at(-1)).toMatchObject({ text: "x", style });
  });

  test("cursor moves, titles and other strings are dropped", () => {
    expect(
      plainText("a\x1b[2K\x1b[1;1Hb\x1b]0;title\x07c\x1b]0;title\x1b\\d\x1bPdata\x1b\\e\x1b(Bf\x1b=g"),
    ).toBe("abcdefg");
  });

  test("a string that never ends hides nothing", () => {
    expect(plainText("\x1b]0;all of this is seen")).toContain("all of this is seen");
    expect(plainText("\x1bPand this")).toContain("and this");
  });

  test("an OSC 8 address is a link only when it is http", () => {
    expect(parseAnsi("\x1b]8;;https://a.example/\x07text\x1b]8;;\x07 after")).toEqual([
      { text: "text", at: 24, style: null, href: "https://a.example/" },
      { text: " after", at: 34, style: null },
    ]);
    for (const span of parseAnsi("\x1b]8;;javascript:alert(1)\x07text\x1b]8;;\x07"))
      expect(span.href).toBeUndefined();
  });

  test("control characters are shown by their pictures", () => {
    expect(plainText("a\x00b\x07c\x7f")).toBe("a␀b␇c␡");
    expect(plainText("a\tb")).toBe("a\tb");
  });

  test("backspace overstrikes", () => {
    expect(plainText("N\bNA\bAM\bME\bE")).toBe("NAME");
  });

  test("every span is a piece of what came in, in order, without escape characters", () => {
    const fragments = fc.constantFrom(
      "\x1b[31m",
      "\x1b[0m",
      "\x1b]8;;https://x.example\x07",
      "\x1b[",
      "\x1b",
      "\x9b1m",
      "\r",
      "\b",
      "plain",
      "日本",
      "😀",
      "<b>",
      "\x00",
      ";",
      "m",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(fragments).map((parts) => parts.join("")),
        ),
        (raw) => {
          let last = 0;
          for (const span of parseAnsi(raw)) {
            expect(span.at).toBeGreaterThanOrEqual(last);
            last = span.at + span.text.length;
            expect(last).toBeLessThanOrEqual(raw.length);
            // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may come through
            expect(span.text).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
            if (!/^[␀-␡]$/.test(span.text))
              expect(raw.slice(span.at)).toSatisfy((rest: string) => rest.startsWith(span.text));
            if (span.href !== undefined) expect(span.href).toMatch(/^https?:\/\//i);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("collapseReturns", () => {
  test.each([
    ["no return", "no return", 0, 0],
    ["10 %\r50 %\r100 %", "100 %", 10, 2],
    ["10 %\r50 %\r", "50 %", 5, 1],
    ["done\r\x1b[K", "done", 0, 0],
    ["\r\r", "", 0, 0],
  ])("%j", (raw, text, at, rewrites) => {
    expect(collapseReturns(raw)).toEqual({ text, at, rewrites });
  });

  test("what remains stands in the line where it says", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "\r", "\x1b[K", " ", "bc")), (parts) => {
        const raw = parts.join("");
        const { text, at } = collapseReturns(raw);
        expect(raw.slice(at, at + text.length)).toBe(text);
        expect(text.includes("\r")).toBe(false);
      }),
    );
  });
});

test("paletteColour gives xterm's colours", () => {
  expect(paletteColour(16)).toBe("#000000");
  expect(paletteColour(196)).toBe("#ff0000");
  expect(paletteColour(231)).toBe("#ffffff");
  expect(paletteColour(232)).toBe("#080808");
  expect(paletteColour(255)).toBe("#eeeeee");
});
