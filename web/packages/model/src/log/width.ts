import { WIDE } from "./width.gen.js";

const COMBINING = /^[\p{Mn}\p{Me}\p{Cf}]/u;

/** How many columns a character takes in a terminal: 0, 1 or 2. */
export function characterWidth(code: number): 0 | 1 | 2 {
  if (code < 0x300) return 1;
  if (COMBINING.test(String.fromCodePoint(code))) return 0;
  return within(WIDE, code) ? 2 : 1;
}

/** Whether a sorted list of runs has it. */
function within(runs: readonly number[], code: number): boolean {
  let low = 0;
  let high = runs.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (code > (runs[middle * 2 + 1] as number)) low = middle + 1;
    else high = middle;
  }
  return low * 2 < runs.length && code >= (runs[low * 2] as number);
}
