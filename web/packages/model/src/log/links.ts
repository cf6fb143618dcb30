/** Finds the addresses in a piece of plain text. Only http and https are ever links. */
export interface Piece {
  text: string;
  /** Offset in the text that was given. */
  at: number;
  href?: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be part of an address
const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^\u0000-\u001f\u007f-\u009f]+/gi;

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
    if (".,;:!?*_~".includes(last)) {
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
