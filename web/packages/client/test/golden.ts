import { readdirSync, readFileSync } from "node:fs";

const dir = new URL("../../../../protocol/testdata/", import.meta.url);

/** What a reader makes of one line of a golden frame, as the Go tests wrote it down. */
export interface Verdict {
  readonly kind: "event" | "message" | "request" | "unknown event" | "unknown" | "malformed";
  readonly type?: string;
  readonly executionId?: string;
  readonly seq?: number;
}

export const goldenNames: readonly string[] = readdirSync(dir).filter((name) => name.endsWith(".ndjson"));

export function goldenFrame(name: string): string {
  return readFileSync(new URL(name, dir), "utf8");
}

export function goldenLines(name: string): string[] {
  return goldenFrame(name)
    .split("\n")
    .map((line) => line.replace(/^[ \t\r]+|[ \t\r]+$/g, "")) // trim() would take a BOM along
    .filter((line) => line !== "");
}

export const goldenVerdicts = JSON.parse(readFileSync(new URL("expected.json", dir), "utf8")) as Readonly<
  Record<string, readonly Verdict[]>
>;

/** Events and the record they give; Go folds the same files. */
export interface FoldCase {
  readonly doc: string;
  readonly events: readonly unknown[];
  readonly record: Readonly<Record<string, unknown>>;
}

const folds = new URL("folds/", dir);

export const foldCases: Readonly<Record<string, FoldCase>> = Object.fromEntries(
  readdirSync(folds).map((name) => [
    name,
    JSON.parse(readFileSync(new URL(name, folds), "utf8")) as FoldCase,
  ]),
);
