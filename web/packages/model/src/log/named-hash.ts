import { formatLineHash, type LineRange, parseLineHash } from "./permalink.js";

/** Lines in an address, and the viewer they are meant for where a page has several. */
export interface NamedRange {
  /** Null: the page's first viewer. */
  readonly name: string | null;
  readonly range: LineRange;
}

/** Reads `#L120`, or `#name:L120-L140`. */
export function parseNamedHash(hash: string): NamedRange | null {
  const colon = hash.lastIndexOf(":");
  if (colon < 0) {
    const range = parseLineHash(hash);
    return range && { name: null, range };
  }
  const range = parseLineHash(hash.slice(colon + 1));
  if (!range) return null;
  try {
    return { name: decodeURIComponent(hash.slice(0, colon).replace(/^#/, "")), range };
  } catch {
    return null; // not one of ours
  }
}

export function formatNamedHash({ name, range }: NamedRange): string {
  const lines = formatLineHash(range);
  return name === null ? lines : `#${encodeURIComponent(name)}:${lines.slice(1)}`;
}
