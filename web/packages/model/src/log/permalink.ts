/** Lines in an address: `#L120`, `#L120-L140`. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

export function parseLineHash(hash: string): LineRange | null {
  const match = /^#?L(\d{1,16})(?:-L?(\d{1,16}))?$/.exec(hash);
  if (!match) return null;
  const a = Number(match[1]);
  const b = match[2] === undefined ? a : Number(match[2]);
  if (a < 1 || b < 1 || !Number.isSafeInteger(a) || !Number.isSafeInteger(b)) return null;
  return { from: Math.min(a, b), to: Math.max(a, b) };
}

export function formatLineHash(range: LineRange): string {
  return range.from === range.to ? `#L${range.from}` : `#L${range.from}-L${range.to}`;
}

/** What somebody typed into "go to line": `120`, `12,408`, `L120-L140`, `-100` from the end, `50%`. */
export function parseLineInput(text: string, head: number): LineRange | null {
  const trimmed = text.trim().replaceAll(/[,_\s']/g, "");
  const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(trimmed);
  const within = (seq: number) => Math.min(Math.max(1, Math.round(seq)), Math.max(1, head));
  if (percent) {
    const seq = within((Number(percent[1]) / 100) * head);
    return { from: seq, to: seq };
  }
  const fromEnd = /^-(\d{1,16})$/.exec(trimmed);
  if (fromEnd) {
    const seq = within(head - Number(fromEnd[1]) + 1);
    return { from: seq, to: seq };
  }
  const range = parseLineHash(/^\d/.test(trimmed) ? `L${trimmed}` : trimmed);
  return range && { from: within(range.from), to: within(range.to) };
}
