/**
 * Turns a line with terminal escapes into spans. Colours become data, never markup; everything
 * that is not a colour, an underline or a hyperlink is dropped. Owns no state, touches no DOM.
 */

/** A palette index (0–255) or `#rrggbb`. */
export type Colour = number | string;

export interface Style {
  fg?: Colour;
  bg?: Colour;
  bold?: true;
  dim?: true;
  italic?: true;
  underline?: true;
  strike?: true;
  inverse?: true;
}

export interface Span {
  text: string;
  /** Offset of `text` in the string that was parsed, in UTF-16 units: spans map one to one. */
  at: number;
  /** The same object for neighbours of the same look; null for plain text. */
  style: Style | null;
  /** Set by OSC 8; only http and https ever get here. */
  href?: string;
}

const ESC = 0x1b;
// Everything but tab that a terminal would act on. Plain lines, nearly all of them, stop here.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;

export function parseAnsi(raw: string): Span[] {
  if (!CONTROL.test(raw)) return raw === "" ? [] : [{ text: raw, at: 0, style: null }];
  return new Parser(raw).run();
}

/** What parseAnsi would show, without the looks. */
export function plainText(raw: string): string {
  if (!CONTROL.test(raw)) return raw;
  let text = "";
  for (const span of parseAnsi(raw)) text += span.text;
  return text;
}

class Parser {
  readonly #raw: string;
  readonly #spans: Span[] = [];
  #style: Style | null = null;
  #href: string | undefined;
  #from = 0;

  constructor(raw: string) {
    this.#raw = raw;
  }

  run(): Span[] {
    const raw = this.#raw;
    let i = 0;
    while (i < raw.length) {
      const code = raw.charCodeAt(i);
      if (code === ESC) {
        this.#flush(i);
        i = this.#escape(i);
        this.#from = i;
      } else if (code === 0x9b) {
        this.#flush(i);
        i = this.#csi(i + 1);
        this.#from = i;
      } else if (code === 0x08) {
        // Overstrike, as man pages use it: the next character replaces the last.
        this.#flush(i);
        this.#unwrite();
        this.#from = ++i;
      } else if (code === 0x0d || (code >= 0x80 && code <= 0x9f)) {
        this.#flush(i);
        this.#from = ++i;
      } else if ((code < 0x20 && code !== 0x09) || code === 0x7f) {
        // Shown by its picture (␀ ␇ ␡), one unit for one unit, so that it is seen and offsets hold.
        this.#flush(i);
        const picture = String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);
        this.#push(picture, i);
        this.#from = ++i;
      } else {
        i++;
      }
    }
    this.#flush(raw.length);
    return this.#spans;
  }

  #flush(to: number): void {
    if (to > this.#from) this.#push(this.#raw.slice(this.#from, to), this.#from);
    this.#from = to;
  }

  #push(text: string, at: number): void {
    const span: Span = { text, at, style: this.#style };
    if (this.#href !== undefined) span.href = this.#href;
    this.#spans.push(span);
  }

  #unwrite(): void {
    const last = this.#spans.at(-1);
    if (!last) return;
    last.text = last.text.slice(0, -1);
    if (last.text === "") this.#spans.pop();
  }

  /** i stands on ESC; gives the offset after the sequence. */
  #escape(i: number): number {
    const next = this.#raw.charCodeAt(i + 1);
    if (Number.isNaN(next)) return i + 1;
    if (next === 0x5b) return this.#csi(i + 2); // [
    if (next === 0x5d) return this.#osc(i + 2); // ]
    if (next === 0x50 || next === 0x58 || next === 0x5e || next === 0x5f) return this.#string(i + 2)[1]; // P X ^ _
    let j = i + 1;
    while (j < this.#raw.length && this.#raw.charCodeAt(j) >= 0x20 && this.#raw.charCodeAt(j) <= 0x2f) j++;
    const final = this.#raw.charCodeAt(j);
    return final >= 0x30 && final <= 0x7e ? j + 1 : j;
  }

  #csi(start: number): number {
    let j = start;
    while (j < this.#raw.length && this.#raw.charCodeAt(j) >= 0x20 && this.#raw.charCodeAt(j) <= 0x3f) j++;
    const final = this.#raw.charCodeAt(j);
    if (!(final >= 0x40 && final <= 0x7e)) return j; // broken: what follows is text again
    if (final === 0x6d) {
      const parameters = this.#raw.slice(start, j);
      if (/^[0-9;:]*$/.test(parameters)) this.#style = sgr(this.#style, parameters);
    }
    return j + 1;
  }

  #osc(start: number): number {
    const [body, end] = this.#string(start);
    if (body?.startsWith("8;")) {
      const uri = body.slice(body.indexOf(";", 2) + 1);
      this.#href = /^https?:\/\//i.test(uri) ? uri : undefined;
    }
    return end;
  }

  /**
   * The body of a string sequence and the offset after its end. One that never ends gives no body
   * and swallows nothing: a log must not be able to hide its own rest.
   */
  #string(start: number): [string | null, number] {
    for (let j = start; j < this.#raw.length; j++) {
      const code = this.#raw.charCodeAt(j);
      if (code === 0x07 || code === 0x9c) return [this.#raw.slice(start, j), j + 1];
      if (code === ESC) {
        if (this.#raw.charCodeAt(j + 1) === 0x5c) return [this.#raw.slice(start, j), j + 2];
        break;
      }
    }
    return [null, start];
  }
}

function sgr(before: Style | null, parameters: string): Style | null {
  let style: Style = { ...before };
  const codes = parameters.split(/[;:]/).map((p) => (p === "" ? 0 : Number(p)));
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 7) style.inverse = true;
    else if (code === 9) style.strike = true;
    else if (code === 21 || code === 24) delete style.underline;
    else if (code === 22) {
      delete style.bold;
      delete style.dim;
    } else if (code === 23) delete style.italic;
    else if (code === 27) delete style.inverse;
    else if (code === 29) delete style.strike;
    else if (code >= 30 && code <= 37) style.fg = code - 30;
    else if (code === 39) delete style.fg;
    else if (code >= 40 && code <= 47) style.bg = code - 40;
    else if (code === 49) delete style.bg;
    else if (code >= 90 && code <= 97) style.fg = code - 90 + 8;
    else if (code >= 100 && code <= 107) style.bg = code - 100 + 8;
    else if (code === 38 || code === 48 || code === 58) {
      const [colour, used] = extended(codes, i + 1, parameters.includes(":"));
      if (colour !== undefined && code === 38) style.fg = colour;
      if (colour !== undefined && code === 48) style.bg = colour;
      i += used;
    }
  }
  return Object.keys(style).length === 0 ? null : style;
}

/** The colour after 38 or 48, and how many parameters it took. */
function extended(codes: number[], i: number, colons: boolean): [Colour | undefined, number] {
  if (codes[i] === 5) {
    const index = codes[i + 1];
    return [index !== undefined && index <= 255 ? index : undefined, 2];
  }
  if (codes[i] === 2) {
    // 38:2::r:g:b carries a colour space before the values, 38;2;r;g;b does not.
    const at = colons && codes.length - i >= 5 ? i + 2 : i + 1;
    const [r, g, b] = [codes[at], codes[at + 1], codes[at + 2]];
    const used = at + 3 - i;
    if (r === undefined || g === undefined || b === undefined || r > 255 || g > 255 || b > 255)
      return [undefined, used];
    return [`#${hex(r)}${hex(g)}${hex(b)}`, used];
  }
  return [undefined, 0];
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** The value of palette entries 16–255; 0–15 belong to the theme. */
export function paletteColour(index: number): string {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `#${hex(grey)}${hex(grey)}${hex(grey)}`;
  }
  const n = index - 16;
  const level = (v: number) => (v === 0 ? 0 : 55 + v * 40);
  return `#${hex(level(Math.floor(n / 36)))}${hex(level(Math.floor(n / 6) % 6))}${hex(level(n % 6))}`;
}

/**
 * A progress line that rewrote itself with carriage returns, as its reader would have seen it at
 * the end: the last state that showed anything. `at` is where that state begins in `raw`.
 */
export function collapseReturns(raw: string): { text: string; at: number; rewrites: number } {
  if (!raw.includes("\r")) return { text: raw, at: 0, rewrites: 0 };
  let rewrites = 0;
  let best: { text: string; at: number } = { text: "", at: 0 };
  let start = 0;
  while (start <= raw.length) {
    const end = raw.indexOf("\r", start);
    const stop = end === -1 ? raw.length : end;
    const part = raw.slice(start, stop);
    if (part !== "" && plainText(part).trim() !== "") {
      best = { text: part, at: start };
      rewrites++;
    }
    if (end === -1) break;
    start = end + 1;
  }
  return { ...best, rewrites: Math.max(0, rewrites - 1) };
}
