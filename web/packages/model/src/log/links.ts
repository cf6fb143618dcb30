/** Finds the addresses in the text of a line. Only http and https are ever links. */
export interface Piece {
  text: string;
  /** Offset in the text that was given. */
  at: number;
  href?: string;
}

const ADDRESS =
  // Nor may brackets and stops of East Asian text, typographic quotes, and what reorders text.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: see above
  /https?:\/\/[^\s<>"'`{}|\\^\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2018-\u201f\u2026\u202a-\u202e\u2039\u203a\u2066-\u2069\u00ab\u00bb\u3001\u3002\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b\uff5d\uff5f-\uff64\ufe50-\ufe5e]+/gi;

export function splitLinks(text: string): Piece[] {
  if (!/https?:\/\//i.test(text)) return text === "" ? [] : [{ text, at: 0 }];
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const href = trimAddress(match[0]);
    if (!URL.canParse(href)) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index), at: from });
    pieces.push({ text: href, at: match.index, href });
    from = match.index + href.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), at: from });
  return pieces;
}

/** Punctuation after an address belongs to the sentence, a bracket only if it was opened inside. */
function trimAddress(address: string): string {
  let end = address.length;
  while (end > 0) {
    const last = address[end - 1] as string;
    if (".,;:!?*_~\u2013\u2014\u30fb\u00b7".includes(last)) {
      end--;
      continue;
    }
    const open = last === ")" ? "(" : last === "]" ? "[" : "";
    if (open !== "" && count(address, last, end) > count(address, open, end)) {
      end--;
      continue;
    }
    break;
  }
  return address.slice(0, end);
}

function count(text: string, character: string, end: number): number {
  let n = 0;
  for (let i = 0; i < end; i++) if (text[i] === character) n++;
  return n;
}
