import { describe, expect, test } from "vitest";
import { draftOf, errorsOf, fieldsOf, humanize, readDraft, shownOf } from "../src/form/schema.js";

const schema = {
  type: "object",
  required: ["path", "count"],
  properties: {
    path: { type: "string", description: "Where.", minLength: 2, pattern: "^/" },
    count: { type: "integer", minimum: 1, maximum: 10, default: 3 },
    ratio: { type: "number" },
    dryRun: { type: "boolean", default: true },
    mode: { enum: ["fast", "thorough"], default: "fast" },
    level: {
      oneOf: [
        { const: 1, title: "Low" },
        { const: 2, title: "High" },
      ],
    },
    token: { type: "string", writeOnly: true },
    hosts: { type: "array", items: { type: "string" } },
    options: { type: "object" },
    prompt: { type: "string", maxLength: 10_000 },
  },
};

describe("a form out of a schema", () => {
  const fields = fieldsOf(schema);

  test("asks for each kind in its own way", () => {
    expect(fields.map((field) => [field.name, field.kind, field.required])).toEqual([
      ["path", "text", true],
      ["count", "integer", true],
      ["ratio", "number", false],
      ["dryRun", "flag", false],
      ["mode", "choice", false],
      ["level", "choice", false],
      ["token", "secret", false],
      ["hosts", "list", false],
      ["options", "json", false],
      ["prompt", "lines", false],
    ]);
  });

  test("shows the defaults, and sends what was entered", () => {
    expect(fields.map((field) => shownOf(field, {}))).toEqual(["", "3", "", true, "0", "", "", "", "", ""]);
    const draft = {
      ...draftOf(fields),
      path: "/srv",
      level: "1",
      hosts: "a\nb\n",
      options: '{"x":1}',
      token: "s3cret",
    };
    expect(readDraft(fields, draft)).toEqual({
      errors: {},
      config: {
        path: "/srv",
        level: 2,
        token: "s3cret",
        hosts: ["a", "b"],
        options: { x: 1 },
      },
    });
  });

  test("an earlier run's parameters come back, its masked secrets do not", () => {
    const draft = draftOf(fields, {
      path: "/srv",
      count: 7,
      token: "••••••",
      hosts: ["a", "b"],
      dryRun: false,
      mode: "thorough",
    });
    expect(draft).toMatchObject({
      path: "/srv",
      count: "7",
      hosts: "a\nb",
      dryRun: false,
      mode: "1",
    });
    expect("token" in draft).toBe(false);
  });

  test.each([
    ["path", "", { path: "" }, {}],
    ["token", "", { token: "" }, {}],
    ["hosts", "", { hosts: [] }, {}],
    ["ratio", "", {}, {}],
    ["options", " ", {}, {}],
    ["level", "", {}, {}],
    ["dryRun", false, { dryRun: false }, {}],
  ])("a cleared %s is %j, and not set is something else", (name, entry, config, errors) => {
    const some = fieldsOf({
      ...schema,
      required: [],
      properties: { ...schema.properties, path: { type: "string" } },
    });
    expect(readDraft(some, { [name]: entry })).toEqual({ config, errors });
    expect(readDraft(some, {})).toEqual({ config: {}, errors: {} });
  });

  test.each([
    ["5.0", 5],
    ["1e2", 100],
    ["+7", 7],
    ["-0", 0],
    [" 12 ", 12],
    ["9007199254740993", 9007199254740993n],
    ["-123456789012345678901234567890", -123456789012345678901234567890n],
    ["9007199254740993.00", 9007199254740993n],
  ])("the integer %s is sent as %s", (typed, sent) => {
    const integer = fieldsOf({ properties: { n: { type: "integer" } } });
    expect(readDraft(integer, { n: typed })).toEqual({ config: { n: sent }, errors: {} });
    expect(draftOf(integer, { n: sent })).toEqual({ n: String(sent) });
  });

  test.each(["0x10", "1_000", "1,5", "5.5", "1e-1", "--1", ".", "e5", "١", "Infinity", "NaN"])(
    "%s is no integer",
    (typed) => {
      const integer = fieldsOf({ properties: { n: { type: "integer" } } });
      expect(Object.keys(readDraft(integer, { n: typed }).errors)).toEqual(["n"]);
    },
  );

  test("bounds are exact beyond what a number holds", () => {
    const big = fieldsOf({ properties: { n: { type: "integer", maximum: 9007199254740993n } } });
    expect(readDraft(big, { n: "9007199254740993" }).errors).toEqual({});
    expect(readDraft(big, { n: "9007199254740994" }).errors).toEqual({
      n: "This must be 9007199254740993 or less.",
    });
  });

  test("lengths are counted in characters", () => {
    const short = fieldsOf({ properties: { s: { type: "string", minLength: 2, maxLength: 3 } } });
    expect(readDraft(short, { s: "😀😀😀" })).toEqual({ config: { s: "😀😀😀" }, errors: {} });
    expect(readDraft(short, { s: "😀" }).errors).toEqual({ s: "This must have 2 characters or more." });
  });

  test("names that JavaScript knows are names like any other", () => {
    const odd = fieldsOf(
      JSON.parse(
        '{"properties":{"constructor":{"type":"string"},"__proto__":{"type":"integer"},"toString":{"type":"boolean"}}}',
      ),
    );
    expect(draftOf(odd)).toEqual({});
    expect(odd.map((field) => shownOf(field, {}))).toEqual(["", "", false]);
    expect(readDraft(odd, {})).toEqual({ config: {}, errors: {} });
    const draft = draftOf(odd, JSON.parse('{"constructor":"c","__proto__":4,"toString":false}'));
    const { config, errors } = readDraft(odd, draft);
    expect(JSON.stringify(config)).toBe('{"constructor":"c","__proto__":4,"toString":false}');
    expect(errors).toEqual({});
    expect(Object.keys(readDraft(odd, JSON.parse('{"__proto__":"x"}')).errors)).toEqual(["__proto__"]);
    expect(errorsOf({ details: { fields: [{ field: "__proto__", message: "no" }] } })).toEqual(
      JSON.parse('{"__proto__":"no"}'),
    );
  });

  test("null that was given stays null until it is changed", () => {
    const nullable = fieldsOf({ properties: { s: { type: ["string", "null"] } } });
    expect(readDraft(nullable, draftOf(nullable, { s: null }))).toEqual({ config: { s: null }, errors: {} });
  });

  test("JSON keeps its integers, and is only JSON", () => {
    const json = fieldsOf({ properties: { o: { type: "object" } } });
    expect(readDraft(json, { o: '{"n":9007199254740993}' }).config).toEqual({ o: { n: 9007199254740993n } });
    expect(readDraft(json, { o: '1,"x":2' }).errors).toEqual({ o: "This must be JSON." });
  });

  test.each([
    ["path", "x", "This must have 2 characters or more."],
    ["count", "1.5", "This must be a whole number."],
    ["count", "11", "This must be 10 or less."],
    ["count", "many", "This must be a number."],
    ["options", "{", "This must be JSON."],
  ])("%s %j: %s", (name, typed, message) => {
    const draft = { ...draftOf(fields), path: "/srv", [name]: typed };
    expect(readDraft(fields, draft).errors).toEqual({ [name]: message });
  });

  test("a server's refusal is put to its field", () => {
    expect(errorsOf({ details: { fields: [{ field: "config.path", message: "no such folder" }] } })).toEqual({
      path: "no such folder",
    });
    expect(
      errorsOf({
        details: {
          fields: [
            { field: "thresholds.cpu", message: "must be a number" },
            { field: "thresholds.disk", message: "is required" },
          ],
        },
      }),
    ).toEqual({ thresholds: "cpu must be a number; disk is required" });
    expect(errorsOf(new Error("x"))).toEqual({});
  });

  test("names become words", () => {
    expect(humanize("includeDockerStats")).toBe("Include docker stats");
    expect(humanize("dry-run")).toBe("Dry run");
  });

  test("what is no schema asks for nothing", () => {
    for (const nothing of [undefined, null, {}, { properties: null }, "x"])
      expect(fieldsOf(nothing)).toEqual([]);
  });
});
