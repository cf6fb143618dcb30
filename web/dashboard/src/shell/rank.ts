/** What is ranked of an entry of the palette. */
export interface Ranked {
  readonly group: string;
  readonly name: string;
  /** Everything it is found by. */
  readonly search: string;
}

const WEIGHTS: Readonly<Record<string, number>> = { Run: 3, Runs: 2 };

/**
 * How well an entry fits what was typed; 0 when it does not. All words must occur; a name that begins
 * with one counts most. `words` are in lower case.
 */
export function rankOf(entry: Ranked, words: readonly string[]): number {
  const text = entry.search.toLowerCase();
  const name = entry.name.toLowerCase();
  let total = WEIGHTS[entry.group] ?? 1;
  for (const word of words) {
    if (!text.includes(word)) return 0;
    if (name.startsWith(word)) total += 10;
    else if (name.includes(word)) total += 6;
    else if (beginsAWord(text, word)) total += 3;
  }
  return total;
}

/** Whether the text holds it at the beginning of a word, in any script. */
function beginsAWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (at === 0 || !/[\p{L}\p{N}]$/u.test(text.slice(Math.max(0, at - 2), at))) return true;
  }
  return false;
}
