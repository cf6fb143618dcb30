/** What a terminal's colour sequences (SGR) say of text. */

/** A palette index (0–255) or `#rrggbb`. */
export type Colour = number | string;

export type Underline = "single" | "double" | "curly" | "dotted" | "dashed";

export interface Style {
  fg?: Colour;
  bg?: Colour;
  bold?: true;
  dim?: true;
  italic?: true;
  underline?: Underline;
  underlineColour?: Colour;
  overline?: true;
  strike?: true;
  inverse?: true;
  /** The text names a character that can't be seen itself, as `<U+202E>`. */
  control?: true;
}

const UNDERLINES: readonly (Underline | undefined)[] = [
  undefined,
  "single",
  "double",
  "curly",
  "dotted",
  "dashed",
];

/** The style after a sequence; null is plain. Parameters are separated by `;`, their own parts by `:`. */
export function applySgr(before: Style | null, parameters: string): Style | null {
  let style: Style = { ...before };
  const codes = parameters.split(";").map((parameter) => parameter.split(":"));
  for (let i = 0; i < codes.length; i++) {
    const parts = codes[i] as string[];
    const code = Number(parts[0]);
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) setUnderline(style, parts.length > 1 ? UNDERLINES[Number(parts[1])] : "single");
    else if (code === 7) style.inverse = true;
    else if (code === 9) style.strike = true;
    else if (code === 21) style.underline = "double";
    else if (code === 22) {
      delete style.bold;
      delete style.dim;
    } else if (code === 23) delete style.italic;
    else if (code === 24) setUnderline(style, undefined);
    else if (code === 27) delete style.inverse;
    else if (code === 29) delete style.strike;
    else if (code >= 30 && code <= 37) style.fg = code - 30;
    else if (code === 39) delete style.fg;
    else if (code >= 40 && code <= 47) style.bg = code - 40;
    else if (code === 49) delete style.bg;
    else if (code === 53) style.overline = true;
    else if (code === 55) delete style.overline;
    else if (code === 59) delete style.underlineColour;
    else if (code >= 90 && code <= 97) style.fg = code - 90 + 8;
    else if (code >= 100 && code <= 107) style.bg = code - 100 + 8;
    else if (code === 38 || code === 48 || code === 58) {
      let colour: Colour | undefined;
      if (parts.length > 1) colour = colourOf(parts.slice(1), true);
      else {
        const kind = codes[i + 1]?.[0];
        const count = kind === "5" ? 2 : kind === "2" ? 4 : 0;
        colour = colourOf(
          codes.slice(i + 1, i + 1 + count).map((part) => part[0] ?? ""),
          false,
        );
        i += count;
      }
      if (colour === undefined) continue;
      if (code === 38) style.fg = colour;
      else if (code === 48) style.bg = colour;
      else style.underlineColour = colour;
    }
  }
  return Object.keys(style).length === 0 ? null : style;
}

function setUnderline(style: Style, underline: Underline | undefined): void {
  if (underline) style.underline = underline;
  else delete style.underline;
}

/** `5, n` or `2, r, g, b`; with colons a colour space may stand before the values. */
function colourOf(parts: readonly string[], colons: boolean): Colour | undefined {
  if (parts[0] === "5") return byte(parts[1]);
  if (parts[0] !== "2") return undefined;
  const at = colons && parts.length >= 5 ? 2 : 1;
  const r = byte(parts[at]);
  const g = byte(parts[at + 1]);
  const b = byte(parts[at + 2]);
  if (r === undefined || g === undefined || b === undefined) return undefined;
  return `#${hex(r)}${hex(g)}${hex(b)}`;
}

function byte(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return value <= 255 ? value : undefined;
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
