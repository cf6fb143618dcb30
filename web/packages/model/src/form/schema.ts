import { parseJson, stringifyJson } from "@claudeops/client";

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
  readonly minimum: number | bigint | undefined;
  readonly maximum: number | bigint | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
}

export interface Choice {
  readonly value: unknown;
  readonly label: string;
}

/** What a field holds: text, for flags a boolean, null where null was given. */
export type Entry = string | boolean | null;

/** What somebody has entered so far. A field that is not in it is not set: the agent's default is used. */
export type Draft = Readonly<Record<string, Entry>>;

export type FieldErrors = Readonly<Record<string, string>>;

/** Reads a record by a name that may be anything, `constructor` and `__proto__` included. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** A record of entries whose names may be anything. */
function recordOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries(entries);
}

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
    minimum: bound(schema.minimum),
    maximum: bound(schema.maximum),
    minLength: number(schema.minLength),
    maxLength: number(schema.maxLength),
  };
}

function kindOf(schema: Record<string, unknown>): FieldKind {
  if (choicesOf(schema).length > 0) return "choice";
  const types = Array.isArray(schema.type) ? schema.type.filter((t) => t !== "null") : [schema.type];
  if (types.length > 1) return "json";
  const [type] = types;
  switch (type) {
    case "boolean":
      return "flag";
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "array": {
      const items = object(schema.items);
      return items.type === "string" ? "list" : "json";
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
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => ({ value, label: labelOf(value) }));
  if (Array.isArray(schema.oneOf) && schema.oneOf.every((option) => "const" in object(option))) {
    return schema.oneOf.map((option) => {
      const { const: value, title } = object(option);
      return { value, label: text(title) || labelOf(value) };
    });
  }
  return [];
}

function labelOf(value: unknown): string {
  return typeof value === "string" ? value : (stringifyJson(value) ?? "");
}

/** What is entered at first: the values that are given. A masked secret is not among them. */
export function draftOf(fields: readonly Field[], config: Readonly<Record<string, unknown>> = {}): Draft {
  const entries: [string, Entry][] = [];
  for (const field of fields) {
    if (!Object.hasOwn(config, field.name) || isMask(field, config[field.name])) continue;
    const entry = entryOf(field, config[field.name]);
    if (entry !== undefined) entries.push([field.name, entry]);
  }
  return recordOf(entries);
}

/** Whether what was given was a secret, of which a server shows a mask alone. */
export function isMask(field: Field, value: unknown): boolean {
  return field.kind === "secret" && typeof value === "string" && MASK.test(value);
}

/** What a field shows: what was entered, else the default. */
export function shownOf(field: Field, draft: Draft): string | boolean {
  const entry = Object.hasOwn(draft, field.name) ? draft[field.name] : entryOf(field, field.fallback);
  return entry ?? (field.kind === "flag" ? false : "");
}

/** The entry that stands for a value; undefined when none does. */
function entryOf(field: Field, value: unknown): Entry | undefined {
  if (value === undefined) return undefined;
  if (field.kind === "choice") {
    const wanted = stringifyJson(value);
    const index = field.choices.findIndex((choice) => stringifyJson(choice.value) === wanted);
    return index < 0 ? undefined : String(index);
  }
  if (field.kind === "json") return stringifyJson(value, 2);
  if (value === null) return null;
  switch (field.kind) {
    case "flag":
      return typeof value === "boolean" ? value : undefined;
    case "list":
      return Array.isArray(value) ? value.map(String).join("\n") : undefined;
    default:
      return typeof value === "object" ? undefined : String(value);
  }
}

/**
 * The config a draft stands for, or what is wrong with it, by field. What is not set is left out, so
 * that the server fills in the default; patterns are left to the server, whose expressions are others.
 */
export function readDraft(
  fields: readonly Field[],
  draft: Draft,
): { config: Record<string, unknown>; errors: FieldErrors } {
  const config: [string, unknown][] = [];
  const errors: [string, string][] = [];
  for (const field of fields) {
    try {
      const entry = own(draft, field.name);
      const value = entry === undefined || entry === null ? entry : read(field, entry);
      if (value !== undefined) config.push([field.name, value]);
      else if (field.required && field.kind === "flag") config.push([field.name, shownOf(field, draft)]);
      else if (field.required && field.fallback === undefined) errors.push([field.name, "This is needed."]);
    } catch (error) {
      errors.push([field.name, error instanceof Error ? error.message : String(error)]);
    }
  }
  return { config: recordOf(config), errors: recordOf(errors) };
}

function read(field: Field, entry: string | boolean): unknown {
  if (field.kind === "flag") return entry === true;
  const raw = String(entry);
  switch (field.kind) {
    case "choice":
      return field.choices[raw === "" ? -1 : Number(raw)]?.value;
    case "integer":
    case "number":
      return raw.trim() === "" ? undefined : readNumber(field, raw.trim());
    case "list":
      return raw.split("\n").filter((line) => line !== "");
    case "json": {
      if (raw.trim() === "") return undefined;
      try {
        JSON.parse(raw);
        // As a parameter's value, whose integers stay exact.
        return (parseJson(`{"config":${raw}}`) as { config: unknown }).config;
      } catch {
        throw new Error("This must be JSON.");
      }
    }
    default: {
      const length = [...raw].length; // in characters, as JSON Schema counts, not in UTF-16 units
      if (field.minLength !== undefined && length < field.minLength)
        throw new Error(`This must have ${field.minLength} characters or more.`);
      if (field.maxLength !== undefined && length > field.maxLength)
        throw new Error(`This must have ${field.maxLength} characters or fewer.`);
      return raw;
    }
  }
}

/** A number as JSON writes it, with a sign + and no digits before or after the point allowed as well. */
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** An integer beyond what a number holds becomes a bigint, so that it is sent as it was entered. */
function readNumber(field: Field, raw: string): number | bigint {
  const parts = NUMBER.exec(raw);
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts ?? [];
  if (!parts || whole + fraction === "") throw new Error("This must be a number.");
  const integer = integerOf(whole, fraction, Number(exponent));
  if (field.kind === "integer" && integer === undefined) throw new Error("This must be a whole number.");
  let value: number | bigint = Number(`${sign}${whole || "0"}.${fraction || "0"}e${exponent}`);
  if (integer !== undefined && (field.kind === "integer" || !raw.toLowerCase().includes("e")))
    value = safe(sign === "-" ? -integer : integer);
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error("This number is out of range.");
  if (field.minimum !== undefined && value < field.minimum)
    throw new Error(`This must be ${field.minimum} or more.`);
  if (field.maximum !== undefined && value > field.maximum)
    throw new Error(`This must be ${field.maximum} or less.`);
  return value;
}

/** The integer that decimal digits stand for, without its sign; undefined when they stand for none. */
function integerOf(whole: string, fraction: string, exponent: number): bigint | undefined {
  const digits = (whole + fraction).replace(/^0+/, "");
  const scale = exponent - fraction.length;
  if (digits === "") return 0n;
  if (scale >= 0) return BigInt(digits + "0".repeat(scale));
  return /^0*$/.test(digits.slice(scale)) ? BigInt(digits.slice(0, scale) || "0") : undefined;
}

function safe(integer: bigint): number | bigint {
  const value = Number(integer);
  return Number.isSafeInteger(value) ? value : integer;
}

/** Finds which fields a server's refusal names: `details.fields` as a list of {field, message}. */
export function errorsOf(error: unknown): FieldErrors {
  const details = object(object(error).details);
  const listed = Array.isArray(details.fields)
    ? details.fields
    : Array.isArray(object(error).details)
      ? (object(error).details as unknown as unknown[])
      : [];
  const errors = new Map<string, string>();
  for (const item of listed) {
    const { field, message } = object(item);
    if (typeof field !== "string" || typeof message !== "string") continue;
    const [name = "", ...inside] = field.replace(/^config[./]/, "").split(/[./]/);
    // What is wrong within a value belongs to the field that holds the value.
    const words = inside.length > 0 ? `${inside.join(".")} ${message}` : message;
    const before = errors.get(name);
    errors.set(name, before === undefined ? words : `${before}; ${words}`);
  }
  return recordOf(errors);
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

/** A bound that a number holds exactly; another is left to the server. */
function bound(value: unknown): number | bigint | undefined {
  return typeof value === "number" || typeof value === "bigint" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
