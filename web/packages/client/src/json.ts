/**
 * JSON whose integers stay exact. `JSON.parse` rounds what is beyond 2^53; within `config` and
 * `parameters`, where a program is given the value, such an integer becomes a bigint instead.
 */

/** A string, so that digits in it stay, or a number. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG = /\d{16}/;
const WITHIN = /"(?:config|parameters)"/;
const EXACT: ReadonlySet<string> = new Set(["config", "parameters"]);

/** Parses JSON; integers in `config` and `parameters` that a number can't hold are bigints. */
export function parseJson(text: string): unknown {
  if (!LONG.test(text) || !WITHIN.test(text)) return JSON.parse(text);
  JSON.parse(text); // what is wrong with it is said of the text as it came
  const mark = newMark();
  const marked = text.replace(TOKEN, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${mark}${token}"` : token,
  );
  return unmark(JSON.parse(marked), mark, false);
}

/** Writes JSON; bigints as the integers they are. */
export function stringifyJson(value: unknown, space?: number): string {
  let big = false;
  const mark = newMark();
  const text = JSON.stringify(
    value,
    (_key, inner: unknown) => {
      if (typeof inner !== "bigint") return inner;
      big = true;
      return `${mark}${inner}`;
    },
    space,
  );
  // As JSON.stringify, which gives undefined for what JSON has no form for.
  return big ? text.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, "g"), "$1") : text;
}

/** Nothing that a text holds by chance. */
function newMark(): string {
  return `bigint:${Math.random().toString(36).slice(2)}:`;
}

function unmark(value: unknown, mark: string, exact: boolean): unknown {
  if (typeof value === "string" && value.startsWith(mark)) {
    const digits = value.slice(mark.length);
    return exact ? BigInt(digits) : Number(digits);
  }
  if (Array.isArray(value)) return value.map((item) => unmark(item, mark, exact));
  if (typeof value !== "object" || value === null) return value;
  // fromEntries defines a property of every name, __proto__ included.
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, unmark(inner, mark, exact || EXACT.has(key))]),
  );
}
