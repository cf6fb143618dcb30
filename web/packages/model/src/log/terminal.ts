import { applySgr, type Style } from "./sgr.js";
import { characterWidth } from "./width.js";

/**
 * A terminal of one line: says what is shown of a line's text. Returns, backspaces, cursor movement
 * and erasing are carried out, colours and links become data, never markup. The server has the same
 * rules in Go (package terminal), for its search; testdata/lines.json there holds both to them.
 */

/** A piece of a line that looks the same. */
export interface Span {
  readonly text: string;
  /** Offset in the text that is shown, in UTF-16 code units. */
  readonly at: number;
  /** The same object for neighbours of the same look; null for plain text. */
  readonly style: Style | null;
  /** Set by OSC 8; only http and https ever get here. */
  readonly href?: string;
}

/** How what comes next will look. */
export interface Look {
  readonly style: Style | null;
  readonly href: string | undefined;
}

export const PLAIN_LOOK: Look = { style: null, href: undefined };

/** How long a line may become, in UTF-16 code units, before what follows starts another. */
export const MAX_LINE = 1 << 20;
/** How far the cursor moves beyond the text. */
const MAX_COLUMN = 1000;
/** An escape sequence that is not complete and longer than this is text. */
const MAX_PENDING = 4096;

// What is not shown as it is. Plain lines, nearly all of them, stop here.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
const SPECIAL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Whether a text is shown as it is. */
export function isPlain(text: string): boolean {
  return !SPECIAL.test(text);
}

interface Cell {
  /** Empty in the cells that a wide character or a tab takes beside its first. */
  text: string;
  style: Style | null;
  href: string | undefined;
}

/** Whether the text goes when something is written: until then it stays readable. */
type Erase = 0 | 1 | 2;
const KEEP = 0;
/** After a carriage return. */
const ON_TEXT = 1;
/** After a sequence that erases: whatever moves the cursor in between. */
const ERASED = 2;

export class TerminalLine {
  /** Text while the cursor has only moved forward. */
  #spans: { text: string; style: Style | null; href: string | undefined }[] = [];
  #length = 0;
  #cells: Cell[] | null = null;
  #origin = 0;
  #cursor = 0;
  #saved = 0;
  #erase: Erase = KEEP;
  #pending = "";
  #look: Look;
  #rewrites = 0;
  #cleared = false;

  constructor(look: Look = PLAIN_LOOK) {
    this.#look = look;
  }

  /** The same line, to be continued by itself. */
  clone(): TerminalLine {
    const other = new TerminalLine(this.#look);
    other.#spans = this.#spans.map((span) => ({ ...span }));
    other.#length = this.#length;
    other.#cells = this.#cells?.map((cell) => ({ ...cell })) ?? null;
    other.#origin = this.#origin;
    other.#cursor = this.#cursor;
    other.#saved = this.#saved;
    other.#erase = this.#erase;
    other.#pending = this.#pending;
    other.#rewrites = this.#rewrites;
    other.#cleared = this.#cleared;
    return other;
  }

  /** A line for what comes after this one grew too long. */
  next(): TerminalLine {
    const other = new TerminalLine(this.#look);
    other.#pending = this.#pending;
    return other;
  }

  /** How the next line begins. */
  get look(): Look {
    return this.#look;
  }

  /** How often text was replaced. */
  get rewrites(): number {
    return this.#rewrites;
  }

  /** Whether the screen was cleared. */
  get cleared(): boolean {
    return this.#cleared;
  }

  get full(): boolean {
    return this.#cells === null
      ? this.#length >= MAX_LINE
      : this.#cells.length >= MAX_LINE / 2 && this.text.length >= MAX_LINE;
  }

  write(text: string): void {
    if (this.#pending !== "") {
      text = this.#pending + text;
      this.#pending = "";
    }
    this.#write(text, false);
  }

  /** The line is complete: a sequence without an end is text. */
  end(): void {
    const text = this.#pending;
    this.#pending = "";
    if (text !== "") this.#write(text, true);
  }

  get text(): string {
    let text = "";
    if (this.#cells) for (const cell of this.#cells) text += cell.text;
    else for (const span of this.#spans) text += span.text;
    return text;
  }

  /** What is shown, in pieces of one look. */
  spans(): Span[] {
    const spans: Span[] = [];
    let at = 0;
    let open: { text: string; at: number; style: Style | null; href: string | undefined } | null = null;
    const close = () => {
      if (!open || open.text === "") return;
      const { text, at: from, style, href } = open;
      spans.push(href === undefined ? { text, at: from, style } : { text, at: from, style, href });
    };
    for (const piece of this.#cells ?? this.#spans) {
      if (piece.text === "") continue;
      if (open && open.style === piece.style && open.href === piece.href) open.text += piece.text;
      else {
        close();
        open = { text: piece.text, at, style: piece.style, href: piece.href };
      }
      at += piece.text.length;
    }
    close();
    return spans;
  }

  #write(text: string, last: boolean): void {
    let i = 0;
    while (i < text.length) {
      if (this.#cells === null && this.#erase === KEEP) {
        let end = i;
        while (end < text.length && isOrdinary(text.charCodeAt(end))) end++;
        if (end > i) {
          this.#append(text.slice(i, end));
          i = end;
          continue;
        }
      }
      const code = text.codePointAt(i) as number;
      if (code === 0x1b || code === 0x9b) {
        const end = code === 0x1b ? this.#escape(text, i, last) : this.#csi(text, i, i + 1, last);
        if (end === -1) {
          this.#pending = text.slice(i);
          return;
        }
        i = end;
        continue;
      }
      const size = code > 0xffff ? 2 : 1;
      if (code === 0x0d) {
        this.#toCells();
        if (this.#erase === KEEP) this.#erase = ON_TEXT;
        this.#cursor = this.#origin;
      } else if (code === 0x08) {
        this.#toCells();
        this.#erase = KEEP;
        this.#move(this.#cursor - 1);
      } else if (code === 0x09) this.#tab();
      else if (code === 0x0a) this.#newLine();
      else if (code < 0x20) this.#put(String.fromCharCode(0x2400 + code), 1);
      else if (code === 0x7f) this.#put("␡", 1);
      else if (code >= 0x80 && code < 0xa0) {
        // C1 controls other than CSI show nothing.
      } else if (isBidi(code)) this.#putName(code);
      else this.#put(String.fromCodePoint(code), characterWidth(code));
      i += size;
    }
  }

  #append(text: string): void {
    this.#length += text.length;
    const last = this.#spans.at(-1);
    if (last && last.style === this.#look.style && last.href === this.#look.href) last.text += text;
    else this.#spans.push({ text, style: this.#look.style, href: this.#look.href });
  }

  #toCells(): Cell[] {
    if (this.#cells) return this.#cells;
    this.#cells = [];
    const look = this.#look;
    for (const { text, style, href } of this.#spans) {
      this.#look = { style, href };
      for (const character of text) {
        if (character === "\t") this.#tab();
        else if (character === "\n") this.#newLine();
        else this.#put(character, characterWidth(character.codePointAt(0) as number));
      }
    }
    this.#look = look;
    this.#spans = [];
    return this.#cells;
  }

  #putName(code: number): void {
    this.#toCells();
    const { style, href } = this.#look;
    this.#look = { style: { ...style, control: true }, href };
    this.#put(`<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`, 1);
    this.#look = { style, href };
  }

  /** Another line: messages of several lines are one line of the log. */
  #newLine(): void {
    const cells = this.#toCells();
    this.#erase = KEEP;
    cells.push({ text: "\n", style: null, href: undefined });
    this.#origin = cells.length;
    this.#cursor = this.#origin;
  }

  /** Writes at the cursor. */
  #put(text: string, width: number): void {
    if (this.#cells === null) {
      this.#append(text);
      return;
    }
    if (this.#erase !== KEEP) {
      if (text === " ") {
        this.#cursor++;
        return;
      }
      this.#eraseNow();
    }
    const cells = this.#cells;
    if (width === 0) {
      const at = this.#lead(this.#cursor - 1);
      const cell = cells[at];
      if (at >= this.#origin && cell) {
        cell.text += text;
        return;
      }
      width = 1;
    }
    this.#fill(this.#cursor);
    const { style, href } = this.#look;
    for (let i = 0; i < width; i++) {
      this.#unjoin(this.#cursor + i);
      cells[this.#cursor + i] = { text: i === 0 ? text : "", style, href };
    }
    this.#cursor += width;
  }

  #tab(): void {
    const cells = this.#cells;
    if (cells === null) {
      this.#append("\t");
      return;
    }
    const width = 8 - ((this.#cursor - this.#origin) % 8);
    if (this.#erase !== KEEP || this.#cursor !== cells.length) {
      this.#move(this.#cursor + width);
      return;
    }
    const { style, href } = this.#look;
    for (let i = 0; i < width; i++) cells.push({ text: i === 0 ? "\t" : "", style, href });
    this.#cursor += width;
  }

  #eraseNow(): void {
    this.#erase = KEEP;
    const cells = this.#toCells();
    for (let i = this.#origin; i < cells.length; i++) {
      if ((cells[i] as Cell).text.trim() !== "") {
        this.#rewrites++;
        break;
      }
    }
    cells.length = Math.min(this.#origin, cells.length);
  }

  #fill(to: number): void {
    const cells = this.#toCells();
    while (cells.length < to) cells.push({ text: " ", style: null, href: undefined });
  }

  /** The cell in which the character of a column begins. */
  #lead(at: number): number {
    const cells = this.#toCells();
    while (at > 0 && at < cells.length && cells[at]?.text === "") at--;
    return at;
  }

  /** Makes spaces of the character that reaches into a column, before a part of it is overwritten. */
  #unjoin(at: number): void {
    const cells = this.#toCells();
    if (at >= cells.length) return;
    const from = this.#lead(at);
    let to = at + 1;
    while (to < cells.length && cells[to]?.text === "") to++;
    if (to - from <= 1) return;
    for (let i = from; i < to; i++) cells[i] = { text: " ", style: null, href: undefined };
  }

  #move(to: number): void {
    const cells = this.#toCells();
    this.#cursor = Math.min(Math.max(to, this.#origin), Math.max(cells.length, this.#origin + MAX_COLUMN));
  }

  /** Moves relative to the origin. What was to be replaced after a return stays: a part of it is meant. */
  #moveSoft(column: number): void {
    this.#toCells();
    this.#soft();
    this.#move(this.#origin + column);
  }

  #soft(): void {
    if (this.#erase === ON_TEXT) this.#erase = KEEP;
  }

  /** The cursor goes to another row: what stands here stays, what comes is written behind it. */
  #leaveRow(): void {
    const cells = this.#toCells();
    if (this.#erase === ERASED) this.#eraseNow();
    this.#erase = KEEP;
    for (let i = this.#origin; i < cells.length; i++) {
      const { text } = cells[i] as Cell;
      if (text !== " " && text !== "" && text !== "\t") {
        this.#origin = cells.length + 1;
        break;
      }
    }
    cells.length = Math.min(this.#origin, cells.length);
    this.#fill(this.#origin);
    this.#cursor = this.#origin;
  }

  #clearScreen(): void {
    this.#toCells();
    this.#origin = 0;
    this.#cursor = 0;
    this.#erase = ERASED;
    this.#cleared = true;
  }

  /** The offset after the sequence at i; -1 when it is not complete. */
  #escape(text: string, i: number, last: boolean): number {
    if (i + 1 >= text.length) return last ? i + 1 : -1;
    const next = text[i + 1] as string;
    if (next === "[") return this.#csi(text, i, i + 2, last);
    if ("]PX^_".includes(next)) return this.#string(text, i, next === "]", last);
    let j = i + 1;
    while (j < text.length && text.charCodeAt(j) >= 0x20 && text.charCodeAt(j) <= 0x2f) j++;
    if (j === text.length) return last ? j : -1;
    const final = text.charCodeAt(j);
    if (final < 0x30 || final > 0x7e) return j;
    if (j === i + 1) {
      if (next === "7") {
        this.#toCells();
        this.#saved = this.#cursor - this.#origin;
      } else if (next === "8") this.#moveSoft(this.#saved);
      else if (next === "c") {
        this.#look = PLAIN_LOOK;
        this.#clearScreen();
      } else if (next === "D" || next === "E" || next === "M") this.#leaveRow();
    }
    return j + 1;
  }

  /**
   * A string sequence. One that never ends gives no body and swallows nothing: a log must not be able
   * to hide its own rest.
   */
  #string(text: string, i: number, osc: boolean, last: boolean): number {
    const from = i + 2;
    for (let j = from; j < text.length; j++) {
      const code = text.charCodeAt(j);
      if (code === 0x07 || code === 0x9c) {
        if (osc) this.#osc(text.slice(from, j));
        return j + 1;
      }
      if (code !== 0x1b) continue;
      if (text[j + 1] === "\\") {
        if (osc) this.#osc(text.slice(from, j));
        return j + 2;
      }
      if (j + 1 === text.length && !last && j - i < MAX_PENDING) return -1;
      return from;
    }
    return last || text.length - i > MAX_PENDING ? from : -1;
  }

  #osc(body: string): void {
    if (!body.startsWith("8;")) return;
    const uri = body.slice(body.indexOf(";", 2) + 1);
    this.#look = { style: this.#look.style, href: /^https?:\/\//i.test(uri) ? uri : undefined };
  }

  #csi(text: string, i: number, from: number, last: boolean): number {
    let j = from;
    while (j < text.length && text.charCodeAt(j) >= 0x20 && text.charCodeAt(j) <= 0x3f) j++;
    if (j === text.length) return last || text.length - i > MAX_PENDING ? j : -1;
    const final = text.charCodeAt(j);
    if (final < 0x40 || final > 0x7e) return j; // broken: what follows is text again
    const parameters = text.slice(from, j);
    if (/^$|^[0-;][0-?]*$/.test(parameters)) {
      if (final === 0x6d) {
        if (/^[0-9;:]*$/.test(parameters)) {
          this.#look = { style: applySgr(this.#look.style, parameters), href: this.#look.href };
        }
      } else this.#control(String.fromCharCode(final), parameters);
    }
    return j + 1;
  }

  #control(final: string, parameters: string): void {
    const first = Math.min(Number.parseInt(parameters, 10) || 0, 1 << 20);
    const count = Math.min(Math.max(first, 1), MAX_COLUMN);
    if (!"CaDG`ABEFHfdeSTJKXP@su".includes(final)) return;
    const cells = this.#toCells();
    const column = this.#cursor - this.#origin;
    if (final === "C" || final === "a") this.#moveSoft(column + count);
    else if (final === "D") this.#moveSoft(column - count);
    else if (final === "G" || final === "`") this.#moveSoft(count - 1);
    else if ("ABEFHfdeST".includes(final)) this.#leaveRow();
    else if (final === "J") {
      if (first >= 2) this.#clearScreen();
      else if (first === 0) this.#eraseRight();
    } else if (final === "K") {
      if (first === 0) this.#eraseRight();
      else if (first === 1) this.#blank(this.#origin, this.#cursor + 1);
      else if (first === 2) this.#erase = ERASED;
    } else if (final === "X") {
      this.#soft();
      this.#blank(this.#cursor, this.#cursor + count);
    } else if (final === "P") {
      this.#soft();
      if (this.#cursor >= cells.length) return;
      const end = Math.min(this.#cursor + count, cells.length);
      this.#unjoin(this.#cursor);
      this.#unjoin(end);
      cells.splice(this.#cursor, end - this.#cursor);
    } else if (final === "@") {
      this.#soft();
      if (this.#cursor >= cells.length) return;
      this.#unjoin(this.#cursor);
      const blanks = Array.from({ length: count }, () => ({ text: " ", style: null, href: undefined }));
      cells.splice(this.#cursor, 0, ...blanks);
    } else if (final === "s") this.#saved = column;
    else if (final === "u") this.#moveSoft(this.#saved);
  }

  /** Erases from the cursor on. At the start of the line that waits for the next text. */
  #eraseRight(): void {
    const cells = this.#toCells();
    if (this.#cursor <= this.#origin) {
      this.#erase = ERASED;
      return;
    }
    this.#soft();
    if (this.#cursor < cells.length) {
      this.#unjoin(this.#cursor);
      cells.length = this.#cursor;
    }
  }

  #blank(from: number, to: number): void {
    const cells = this.#toCells();
    for (let i = from; i < Math.min(to, cells.length); i++) {
      this.#unjoin(i);
      cells[i] = { text: " ", style: null, href: undefined };
    }
  }
}

function isOrdinary(code: number): boolean {
  if (code < 0x20) return code === 9 || code === 10;
  if (code < 0x7f) return true;
  return code > 0x9f && !isBidi(code);
}

function isBidi(code: number): boolean {
  if (code < 0x61c) return false;
  return code === 0x61c || (code >= 0x200e && code <= 0x2069 && BIDI.test(String.fromCharCode(code)));
}

/** A whole line, in pieces of one look. */
export function parseAnsi(raw: string): Span[] {
  if (isPlain(raw)) return raw === "" ? [] : [{ text: raw, at: 0, style: null }];
  const line = new TerminalLine();
  line.write(raw);
  line.end();
  return line.spans();
}

/** What is shown of a whole line. */
export function plainText(raw: string): string {
  if (isPlain(raw)) return raw;
  const line = new TerminalLine();
  line.write(raw);
  line.end();
  return line.text;
}
