export interface DiffLine {
  readonly sign: " " | "+" | "-";
  readonly text: string;
}

/** Lines compared one with each other at most; larger changes are shown as removed and added whole. */
const MOST = 2000;

/** The lines that differ between two texts, with what is common around them. */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end])
    end++;
  const lines: DiffLine[] = a.slice(0, start).map((text) => ({ sign: " ", text }));
  lines.push(...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)));
  for (const text of a.slice(a.length - end)) if (end > 0) lines.push({ sign: " ", text });
  return lines;
}

/** By the longest common subsequence. */
function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ sign: "-", text });
  const added = (text: string): DiffLine => ({ sign: "+", text });
  if (a.length === 0 || b.length === 0 || a.length * b.length > MOST * MOST)
    return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const length = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i * width + j] =
        a[i] === b[j]
          ? (length[(i + 1) * width + j + 1] as number) + 1
          : Math.max(length[(i + 1) * width + j] as number, length[i * width + j + 1] as number);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ sign: " ", text: a[i] as string });
      i++;
      j++;
    } else if ((length[(i + 1) * width + j] as number) >= (length[i * width + j + 1] as number)) {
      lines.push(removed(a[i++] as string));
    } else lines.push(added(b[j++] as string));
  }
  return [...lines, ...a.slice(i).map(removed), ...b.slice(j).map(added)];
}
