import fc from "fast-check";
import { expect, test } from "vitest";
import { indentJson } from "../src/log/json-text.js";

test("numbers are shown as they are written", () => {
  expect(indentJson('{"id":9007199254740993,"big":1e400,"z":-0.10,"a":[1.0,{}],"s":"a\\"{,:"}')).toBe(
    '{\n  "id": 9007199254740993,\n  "big": 1e400,\n  "z": -0.10,\n  "a": [\n    1.0,\n    {}\n  ],\n  "s": "a\\"{,:"\n}',
  );
});

test("what is read is the same, and indented as JSON.stringify would", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text);
      expect(indentJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    }),
  );
});
