/** Reads the part of JSON Schema that a form can ask for. What it does not know becomes a field for JSON. */

export type FieldKind =
  | "text"
  | "lines"
  | "secret"
  | "number"
  | "integer"
  | "flag"
  | "choice"
  | "list"
  | "json";

export interface Field {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly choices: readonly Choice[];
  readonly fallback: unknown;
  readonly placeholder: string;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly pattern: string | undefined;
}

export interface Choice {
  readonly value: unknown;
  readonly label: string;
}

/** What somebody has typed so far: text for most kinds, a flag for flags. */
export type Draft = Readonly<Record<string, string | boolean>>;

export type FieldErrors = Readonly<Record<string, string>>;

/** The mask a server shows instead of a secret. It is never sent back. */
const MASK = /^•+$/;

export function fieldsOf(schema: unknown): readonly Field[] {
  const root = object(schema);
  const properties = object(root.properties);
  const required = new Set(Array.isArray(root.required) ? root.required.map(String) : []);
  return Object.entries(properties).map(([name, value]) => fieldOf(name, object(value), required.has(name)));
}

function fieldOf(name: string, schema: Record<string, unknown>, required: boolean): Field {
  const examples = Array.isArray(schema.examples) ? schema.examples : [];
  return {
    name,
    title: text(schema.title) || humanize(name),
    description: text(schema.description),
    kind: kindOf(schema),
    required,
    choices: choicesOf(schema),
    fallback: schema.default,
    placeholder: examples.length > 0 ? String(examples[0]) : "",
    minimum: number(schema.minimum),
    maximum: number(schema.maximum),
    minLength: number(schema.minLength),
    maxLength: number(schema.maxLength),
    pattern: typeof schema.pattern === "string" ? schema.pattern : undefined,
  };
}

function kindOf(schema: Record<string, unknown>): FieldKind {
  if (choicesOf(schema).length > 0) return "choice";
  const type = Array.isArray(schema.type) ? schema.type.find((t) => t !== "null") : schema.type;
  switch (type) {
    case "boolean":
      return "flag";
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "array": {
      const items = object(schema.items);
      return items.type === "string" || items.type === undefined ? "list" : "json";
    }
    case "object":
      return "json";
    case "string":
    case undefined: {
      if (type === undefined && (schema.anyOf || schema.oneOf || schema.$ref)) return "json";
      if (schema.writeOnly === true || schema.format === "password") return "secret";
      const long =
        schema.format === "multiline" ||
        schema.format === "textarea" ||
        (number(schema.maxLength) ?? 0) > 200;
      return long || text(schema.default).includes("\n") ? "lines" : "text";
    }
    default:
      return "json";
  }
}

function choicesOf(schema: Record<string, unknown>): readonly Choice[] {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => ({ value, label: String(value) }));
  if (Array.isArray(schema.oneOf) && schema.oneOf.every((option) => "const" in object(option))) {
    return schema.oneOf.map((option) => {
      const { const: value, title } = object(option);
      return { value, label: text(title) || String(value) };
    });
  }
  return [];
}

/** What the form shows at first: the given values, else the defaults. Masked secrets are asked for anew. */
export function draftOf(fields: readonly Field[], config: Readonly<Record<string, unknown>> = {}): Draft {
  const draft: Record<string, string | boolean> = {};
  for (const field of fields) {
    const value = field.name in config ? config[field.name] : field.fallback;
    draft[field.name] = show(field, value);
  }
  return draft;
}

function show(field: Field, value: unknown): string | boolean {
  if (field.kind === "flag") return value === true;
  if (value === undefined || value === null) return "";
  if (field.kind === "secret") return typeof value === "string" && !MASK.test(value) ? value : "";
  if (field.kind === "choice") {
    const index = field.choices.findIndex((choice) => JSON.stringify(choice.value) === JSON.stringify(value));
    return index < 0 ? "" : String(index);
  }
  if (field.kind === "list" && Array.isArray(value)) return value.map(String).join("\n");
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return String(value);
}

/** The config a draft stands for, or what is wrong with it, by field. */
export function readDraft(
  fields: readonly Field[],
  draft: Draft,
): { config: Record<string, unknown>; errors: FieldErrors } {
  const config: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    try {
      const value = read(field, draft[field.name] ?? "");
      if (value !== undefined) config[field.name] = value;
      else if (field.required) errors[field.name] = "This is needed.";
    } catch (error) {
      errors[field.name] = error instanceof Error ? error.message : String(error);
    }
  }
  return { config, errors };
}

function read(field: Field, typed: string | boolean): unknown {
  if (field.kind === "flag") return typed === true;
  const raw = String(typed);
  if (
    raw === "" ||
    (raw.trim() === "" && field.kind !== "text" && field.kind !== "lines" && field.kind !== "secret")
  )
    return undefined;
  switch (field.kind) {
    case "choice":
      return field.choices[Number(raw)]?.value;
    case "integer":
    case "number": {
      const value = Number(raw);
      if (!Number.isFinite(value)) throw new Error("This must be a number.");
      if (field.kind === "integer" && !Number.isInteger(value))
        throw new Error("This must be a whole number.");
      if (field.minimum !== undefined && value < field.minimum)
        throw new Error(`This must be ${field.minimum} or more.`);
      if (field.maximum !== undefined && value > field.maximum)
        throw new Error(`This must be ${field.maximum} or less.`);
      return value;
    }
    case "list":
      return raw.split("\n").filter((line) => line !== "");
    case "json":
      try {
        return JSON.parse(raw) as unknown;
      } catch {
        throw new Error("This must be JSON.");
      }
    default: {
      if (field.minLength !== undefined && raw.length < field.minLength)
        throw new Error(`This must have ${field.minLength} characters or more.`);
      if (field.maxLength !== undefined && raw.length > field.maxLength)
        throw new Error(`This must have ${field.maxLength} characters or fewer.`);
      if (field.pattern !== undefined && !matches(raw, field.pattern))
        throw new Error(`This must look like ${field.pattern}`);
      return raw;
    }
  }
}

/** A pattern this engine can't read is left to the server. */
function matches(value: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

/** Finds which fields a server's refusal names: `details.fields` as a list of {field, message}. */
export function errorsOf(error: unknown): FieldErrors {
  const details = object(object(error).details);
  const listed = Array.isArray(details.fields)
    ? details.fields
    : Array.isArray(object(error).details)
      ? (object(error).details as unknown as unknown[])
      : [];
  const errors: Record<string, string> = {};
  for (const item of listed) {
    const { field, message } = object(item);
    if (typeof field === "string" && typeof message === "string")
      errors[field.replace(/^(config)?[./]/, "")] = message;
  }
  return errors;
}

/** `includeDockerStats` → `Include docker stats`, `dry-run` → `Dry run`. */
export function humanize(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[-_.]+/g, " ")
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
