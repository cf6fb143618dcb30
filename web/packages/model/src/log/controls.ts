const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Makes visible what reorders text: for titles, reasons and results, which no terminal would show. */
export function showControls(text: string): string {
  return BIDI.test(text)
    ? text.replace(
        /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
        (character) => `<U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`,
      )
    : text;
}
