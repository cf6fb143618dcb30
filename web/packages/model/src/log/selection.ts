/** A place in a log: a line, and an offset in its text in UTF-16 code units. */
export interface TextPoint {
  readonly seq: number;
  readonly column: number;
}

/** Text that is selected, from where one began to where one is; of any length, drawn or not. */
export interface TextSelection {
  readonly anchor: TextPoint;
  readonly focus: TextPoint;
}

/** The end of a line, however long it is. */
export const LINE_END = Number.MAX_SAFE_INTEGER;

export function comparePoints(a: TextPoint, b: TextPoint): number {
  return a.seq - b.seq || a.column - b.column;
}

/** The selection's start and end, in order. */
export function orderedPoints(selection: TextSelection): readonly [TextPoint, TextPoint] {
  const { anchor, focus } = selection;
  return comparePoints(anchor, focus) <= 0 ? [anchor, focus] : [focus, anchor];
}

export function isCollapsed({ anchor, focus }: TextSelection): boolean {
  return comparePoints(anchor, focus) === 0;
}

/** What is selected of a line: [start, end), or null for nothing of it. */
export function selectedOf(
  selection: TextSelection,
  seq: number,
  length: number,
): readonly [number, number] | null {
  const [start, end] = orderedPoints(selection);
  if (seq < start.seq || seq > end.seq) return null;
  const from = seq === start.seq ? Math.min(start.column, length) : 0;
  const to = seq === end.seq ? Math.min(end.column, length) : length;
  return [from, to];
}

/** The word at a place, as a double click selects it. */
export function wordAt(text: string, column: number): readonly [number, number] {
  const word = /[\p{L}\p{N}\p{M}_]+|\s+|./gsu;
  for (const match of text.matchAll(word)) {
    const end = match.index + match[0].length;
    if (column < end) return [match.index, end];
  }
  return [text.length, text.length];
}

/** Whole lines as a selection. */
export function selectionOfLines(from: number, to: number): TextSelection {
  return { anchor: { seq: from, column: 0 }, focus: { seq: to, column: LINE_END } };
}
