"use client";

import { splitLinks } from "@claudeops/model";
import type { ReactNode } from "react";

/**
 * What an agent says, with the little markup that agents use: code, headings, bold, lists as they are.
 * Text becomes nodes, never markup out of the text itself.
 */
export function RichText({ text }: { readonly text: string }): ReactNode {
  const parts: ReactNode[] = [];
  const lines = text.split("\n");
  let paragraph: string[] = [];
  const flush = () => {
    const block = paragraph.join("\n").replace(/^\n+|\n+$/g, "");
    if (block !== "") parts.push(<p key={parts.length}>{inline(block)}</p>);
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const fence = /^\s*(`{3,}|~{3,})(.*)$/.exec(line);
    if (fence) {
      flush();
      const code: string[] = [];
      const end = new RegExp(
        `^\\s*${(fence[1] as string)[0] === "`" ? "`" : "~"}{${(fence[1] as string).length},}\\s*$`,
      );
      for (i++; i < lines.length && !end.test(lines[i] as string); i++) code.push(lines[i] as string);
      parts.push(
        <pre key={parts.length} className="cops-code">
          {code.join("\n")}
        </pre>,
      );
      continue;
    }
    const heading = /^#{1,6}\s+(.*)$/.exec(line);
    if (heading) {
      flush();
      parts.push(
        <p key={parts.length} className="cops-heading">
          {inline(heading[1] as string)}
        </p>,
      );
    } else if (line.trim() === "") flush();
    else paragraph.push(line);
  }
  flush();
  return <div className="cops-rich">{parts}</div>;
}

/** Code and bold inside a paragraph, and addresses. */
function inline(text: string): ReactNode[] {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part, index) => {
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text never move
    if (/^`[^`]+`$/.test(part)) return <code key={index}>{part.slice(1, -1)}</code>;
    // biome-ignore lint/suspicious/noArrayIndexKey: see above
    if (/^\*\*[^*]+\*\*$/.test(part)) return <b key={index}>{part.slice(2, -2)}</b>;
    // biome-ignore lint/suspicious/noArrayIndexKey: see above
    return <Linked key={index} text={part} />;
  });
}

/** Text with its addresses as links. */
export function Linked({ text }: { readonly text: string }): ReactNode {
  return splitLinks(text).map((piece) =>
    piece.href === undefined ? (
      piece.text
    ) : (
      <a key={piece.at} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
        {piece.text}
      </a>
    ),
  );
}
