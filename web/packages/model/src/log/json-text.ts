/**
 * Indents a JSON text without reading its values: numbers stay as they are written, also those that
 * JavaScript would round (9007199254740993) or can't hold (1e400), and names stay in their order.
 * The text must be valid.
 */
export function indentJson(text: string): string {
  let out = "";
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (character === '"') {
      let end = i + 1;
      while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
      out += text.slice(i, end + 1);
      i = end;
    } else if (character === "{" || character === "[") {
      const close = closing(text, i + 1);
      if (close > 0) {
        out += character + text[close];
        i = close;
        continue;
      }
      depth++;
      out += `${character}\n${"  ".repeat(depth)}`;
    } else if (character === "}" || character === "]") {
      depth--;
      out += `\n${"  ".repeat(depth)}${character}`;
    } else if (character === ",") out += `,\n${"  ".repeat(depth)}`;
    else if (character === ":") out += ": ";
    else if (!/\s/.test(character)) out += character;
  }
  return out;
}

/** Where the bracket closes that has nothing inside; 0 when it has. */
function closing(text: string, from: number): number {
  let i = from;
  while (i < text.length && /\s/.test(text[i] as string)) i++;
  return text[i] === "}" || text[i] === "]" ? i : 0;
}
