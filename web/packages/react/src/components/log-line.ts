import type { Row } from "@claudeops/model";

/** A line as it is shown. */
export interface LogLine {
  readonly seq: number;
  readonly text: string;
  readonly level: Row["level"];
  readonly stream: Row["stream"];
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly data: unknown;
}

export function lineOf(seq: number, row: Row): LogLine {
  return { seq, text: row.text, level: row.level, stream: row.stream, time: row.time, data: row.data };
}
