import { describe, expect, test } from "vitest";
import { draftOf, errorsOf, fieldsOf, humanize, readDraft } from "../src/form/schema.js";

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

  test("begins with the defaults and gives back what the schema wants", () => {
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
        count: 3,
        dryRun: true,
        mode: "fast",
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
      token: "",
      hosts: "a\nb",
      dryRun: false,
      mode: "1",
    });
  });

  test.each([
    ["path", "", "This is needed."],
    ["path", "x", "This must have 2 characters or more."],
    ["path", "srv", "This must look like ^/"],
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
