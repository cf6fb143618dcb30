import { expect, test } from "vitest";
import { parseJson, stringifyJson } from "../src/json.js";

test("integers that a number can't hold stay exact where a program is given them", () => {
  const text =
    '{"seq":7,"config":{"n":9007199254740993,"list":[-12345678901234567890,1],"s":"9007199254740993 \\" 9007199254740993","f":1.5e300,"__proto__":18446744073709551615},"result":9007199254740993}';
  const value = parseJson(text) as { config: Record<string, unknown>; result: unknown };
  expect(value.config.n).toBe(9007199254740993n);
  expect(value.config.list).toEqual([-12345678901234567890n, 1]);
  expect(value.config.s).toBe('9007199254740993 " 9007199254740993');
  expect(value.config.f).toBe(1.5e300);
  expect(value.result).toBe(Number("9007199254740993"));
  expect(stringifyJson(value.config)).toBe(
    '{"n":9007199254740993,"list":[-12345678901234567890,1],"s":"9007199254740993 \\" 9007199254740993","f":1.5e+300,"__proto__":18446744073709551615}',
  );
});

test("everything else is JSON as it always was", () => {
  for (const text of [
    "1",
    '"config 1234567890123456789"',
    '{"config":{"n":9007199254740991}}',
    '{"a":[null,true,"x"]}',
  ]) {
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(stringifyJson(JSON.parse(text))).toBe(text);
  }
  expect(() => parseJson('{"config":12345678901234567x}')).toThrow(SyntaxError);
  expect(stringifyJson({ a: 1n, b: "1" }, 2)).toBe('{\n  "a": 1,\n  "b": "1"\n}');
});
