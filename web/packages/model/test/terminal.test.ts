import fc from "fast-check";
import { describe, expect, test } from "vitest";
import examples from "../../../../internal/record/terminal/testdata/lines.json" with { type: "json" };
import { showControls } from "../src/log/controls.js";
import { paletteColour } from "../src/log/sgr.js";
import { isPlain, parseAnsi, plainText, TerminalLine } from "../src/log/terminal.js";
import { decodeUtf16 } from "../src/log/utf16.js";

describe("parseAnsi", () => {
  test("plain text is one span", () => {
    expect(parseAnsi("hello")).toEqual([{ text: "hello", at: 0, style: null }]);
    expect(parseAnsi("")).toEqual([]);
  });

  test("the sixteen colours, bright and background", () => {
    expect(parseAnsi("\x1b[31mred\x1b[0m \x1b[92;41mbright\x1b[m.")).toEqual([
      { text: "red", at: 0, style: { fg: 1 } },
      { text: " ", at: 3, style: null },
      { text: "bright", at: 4, style: { fg: 10, bg: 1 } },
      { text: ".", at: 10, style: null },
    ]);
  });

  test.each([
    ["\x1b[38;5;141mx", { fg: 141 }],
    ["\x1b[48;5;7mx", { bg: 7 }],
    ["\x1b[38;2;255;150;50mx", { fg: "#ff9632" }],
    ["\x1b[38:2:255:150:50mx", { fg: "#ff9632" }],
    ["\x1b[38:2::255:150:50mx", { fg: "#ff9632" }],
    ["\x1b[48;2;0;0;1mx", { bg: "#000001" }],
    ["\x1b[1;38;5;9;4mx", { bold: true, fg: 9, underline: "single" }],
    ["\x1b[38;5;999mx", null],
    ["\x1b[38;2;1mx", null],
    ["\x1b[1m\x1b[22mx", null],
    ["\x1b[7mx", { inverse: true }],
  ])("%j", (raw, style) => {
    expect(parseAnsi(raw).at(-1)).toMatchObject({ text: "x", style });
  });

  test("an OSC 8 address is a link only when it is http", () => {
    expect(parseAnsi("\x1b]8;;https://a.example/\x07text\x1b]8;;\x07 after")).toEqual([
      { text: "text", at: 0, style: null, href: "https://a.example/" },
      { text: " after", at: 4, style: null },
    ]);
    for (const span of parseAnsi("\x1b]8;;javascript:alert(1)\x07text\x1b]8;;\x07"))
      expect(span.href).toBeUndefined();
  });

  test("every kind of underline, and its colour", () => {
    const style = (raw: string) => parseAnsi(`${raw}x`).at(-1)?.style;
    expect(style("\x1b[4m")).toEqual({ underline: "single" });
    expect(style("\x1b[4:2m")).toEqual({ underline: "double" });
    expect(style("\x1b[4:3m")).toEqual({ underline: "curly" });
    expect(style("\x1b[4:4;4:5m")).toEqual({ underline: "dashed" });
    expect(style("\x1b[21m")).toEqual({ underline: "double" });
    expect(style("\x1b[4:3m\x1b[4:0m")).toBeNull();
    expect(style("\x1b[4m\x1b[24m")).toBeNull();
    expect(style("\x1b[4:3;58:2::1:2:3m")).toEqual({ underline: "curly", underlineColour: "#010203" });
    expect(style("\x1b[4;58;5;9m")).toEqual({ underline: "single", underlineColour: 9 });
    expect(style("\x1b[38:5:141m")).toEqual({ fg: 141 });
    expect(style("\x1b[53m")).toEqual({ overline: true });
    // The 4 of a colour is no underline.
    expect(style("\x1b[38;5;4m")).toEqual({ fg: 4 });
  });

  test("characters that reorder text are shown by their names", () => {
    expect(parseAnsi("a\u202eb")).toEqual([
      { text: "a", at: 0, style: null },
      { text: "<U+202E>", at: 1, style: { control: true } },
      { text: "b", at: 9, style: null },
    ]);
    expect(showControls("x\u2066y")).toBe("x<U+2066>y");
  });
});

describe("TerminalLine", () => {
  // The server shows the same in Go.
  test.each(examples)("$raw", ({ raw, text }) => {
    expect(plainText(raw)).toBe(text);
    expect(isPlain(raw)).toBe(raw === text);
    expect(
      parseAnsi(raw)
        .map((span) => span.text)
        .join(""),
    ).toBe(text);
    for (let cut = 0; cut <= raw.length; cut++) {
      if (/[\ud800-\udbff]$/.test(raw.slice(0, cut))) continue;
      const line = new TerminalLine();
      line.write(raw.slice(0, cut));
      const first = line.text;
      const rest = line.clone();
      rest.write(raw.slice(cut));
      rest.end();
      expect(rest.text).toBe(text);
      expect(line.text).toBe(first);
    }
  });

  test("whatever comes, spans are the text, and no control character comes through", () => {
    const fragments = fc.constantFrom(
      ..."\x1b[31m|\x1b[0m|\x1b]8;;https://x.example\x07|\x1b[|\x1b|\x9b1m|\r|\b|plain|日本|😀|<b>|\x00|;|m|\x1b[2D|\x1b[3C|\x1b[K|\x1b[2J|\x1b[H|\x1b[2@|\x1b[P|\x1b7|\x1b8|\t".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(fragments).map((parts) => parts.join("")),
        ),
        (raw) => {
          const text = plainText(raw);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may come through
          expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
          let at = 0;
          for (const span of parseAnsi(raw)) {
            expect(span.at).toBe(at);
            expect(text.startsWith(span.text, at)).toBe(true);
            at += span.text.length;
            if (span.href !== undefined) expect(span.href).toMatch(/^https?:\/\//i);
          }
          expect(at).toBe(text.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("counts how often a line was replaced", () => {
    const line = new TerminalLine();
    line.write("10 %\r50 %\r\r100 %\r");
    expect([line.text, line.rewrites]).toEqual(["100 %", 2]);
  });
});

test("decodeUtf16 reads what other systems write", () => {
  expect(decodeUtf16("��中", btoa("\xff\xfe\x2d\x4e\x87\x65"))).toBe("中文");
  expect(decodeUtf16("\0O\0K\0\r\0", undefined)).toBe("OK\r");
  expect(decodeUtf16("plain", undefined)).toBeNull();
  expect(decodeUtf16("a\0bcdef\0\0", undefined)).toBeNull();
});

test("paletteColour gives xterm's colours", () => {
  expect(paletteColour(16)).toBe("#000000");
  expect(paletteColour(196)).toBe("#ff0000");
  expect(paletteColour(231)).toBe("#ffffff");
  expect(paletteColour(232)).toBe("#080808");
  expect(paletteColour(255)).toBe("#eeeeee");
});
