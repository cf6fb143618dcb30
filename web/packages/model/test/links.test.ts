import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitLinks } from "../src/log/links.js";

const links = (text: string) =>
  splitLinks(text).flatMap((piece) => (piece.href === undefined ? [] : [piece.href]));

describe("splitLinks", () => {
  test.each([
    ["see https://a.example/x.", ["https://a.example/x"]],
    ["(https://a.example/x_(y))", ["https://a.example/x_(y)"]],
    ["http://localhost:3000/a?b=c&d=%20#e, then", ["http://localhost:3000/a?b=c&d=%20#e"]],
    ['<a href="https://a.example">', ["https://a.example"]],
    ["javascript:alert(1) data:text/html,x ftp://a", []],
    ["https://", []],
    ["（https://a.example/x）です", ["https://a.example/x"]],
    ["「https://a.example/日本」、https://b.example。", ["https://a.example/日本", "https://b.example"]],
    [
      "“https://a.example/x” – ‘https://b.example’… «https://c.example»",
      ["https://a.example/x", "https://b.example", "https://c.example"],
    ],
    ["https://a.example/x—and", ["https://a.example/x—and"]],
    ["https://a.example/x— and", ["https://a.example/x"]],
    ["https://a.example https://b.example", ["https://a.example", "https://b.example"]],
  ])("%s", (text, expected) => {
    expect(links(text)).toEqual(expected);
  });

  test("pieces put together are the text", () => {
    const part = fc.constantFrom("https://", "a.example", "/x", "(", ")", ".", " ", "http://b", "\n", "é");
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join("")),
        (text) => {
          const pieces = splitLinks(text);
          expect(pieces.map((piece) => piece.text).join("")).toBe(text);
          for (const piece of pieces)
            expect(text.slice(piece.at, piece.at + piece.text.length)).toBe(piece.text);
        },
      ),
    );
  });
});
