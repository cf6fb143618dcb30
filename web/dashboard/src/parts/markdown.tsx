import { lexer, type Token, type Tokens } from "marked";
import { Fragment, type ReactNode, useMemo } from "react";
import { Linked, safeHref } from "./linked.tsx";

/**
 * Markdown as elements. Nothing of it becomes markup: HTML in it is shown as text, links lead to http,
 * https and mailto only, and images are links, so that opening a result fetches nothing.
 */
export function Markdown({ text }: { readonly text: string }): ReactNode {
  const tokens = useMemo(() => lexer(text, { gfm: true, breaks: false }), [text]);
  return <div className="markdown">{blocks(tokens)}</div>;
}

function blocks(tokens: readonly Token[]): ReactNode[] {
  return tokens.map((token, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: tokens have no other identity, and never move
    <Fragment key={i}>{block(token)}</Fragment>
  ));
}

function block(token: Token): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": {
      const { depth, tokens = [] } = token as Tokens.Heading;
      // The page has an h1 of its own.
      const Tag = `h${Math.min(6, depth + 1)}` as "h2";
      return <Tag>{inline(tokens)}</Tag>;
    }
    case "hr":
      return <hr />;
    case "code":
      return (
        <pre>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote>{blocks((token as Tokens.Blockquote).tokens)}</blockquote>;
    case "list": {
      const { ordered, start, items } = token as Tokens.List;
      const drawn = items.map((item, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <li key={i}>
          {item.task && <input type="checkbox" checked={item.checked ?? false} readOnly disabled />}
          {blocks(item.tokens)}
        </li>
      ));
      return ordered ? <ol start={start === "" ? 1 : start}>{drawn}</ol> : <ul>{drawn}</ul>;
    }
    case "table": {
      const { header, rows, align } = token as Tokens.Table;
      const cell = (tokens: readonly Token[], column: number, Tag: "td" | "th", key: number) => (
        <Tag key={key} className={align[column] === "right" ? "text-right" : undefined}>
          {inline(tokens)}
        </Tag>
      );
      return (
        <div className="overflow-x-auto">
          <table>
            <thead>
              <tr>{header.map((one, i) => cell(one.tokens, i, "th", i))}</tr>
            </thead>
            <tbody>
              {rows.map((row, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: see above
                <tr key={i}>{row.map((one, j) => cell(one.tokens, j, "td", j))}</tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    }
    case "paragraph":
      return <p>{inline((token as Tokens.Paragraph).tokens)}</p>;
    default:
      return "tokens" in token && token.tokens ? inline(token.tokens) : <Linked text={token.raw} />;
  }
}

function inline(tokens: readonly Token[]): ReactNode[] {
  return tokens.map((token, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: see above
    <Fragment key={i}>{piece(token)}</Fragment>
  ));
}

function piece(token: Token): ReactNode {
  switch (token.type) {
    case "strong":
      return <strong>{inline((token as Tokens.Strong).tokens)}</strong>;
    case "em":
      return <em>{inline((token as Tokens.Em).tokens)}</em>;
    case "del":
      return <del>{inline((token as Tokens.Del).tokens)}</del>;
    case "codespan":
      return <code>{plain((token as Tokens.Codespan).text)}</code>;
    case "br":
      return <br />;
    case "escape":
      return plain((token as Tokens.Escape).text);
    case "link": {
      const { href, tokens } = token as Tokens.Link;
      return leading(href, inline(tokens));
    }
    case "image": {
      const { href, text } = token as Tokens.Image;
      return leading(href, plain(text) || href);
    }
    case "html":
      return token.raw;
    default:
      return "tokens" in token && token.tokens ? (
        inline(token.tokens)
      ) : (
        <Linked text={plain("text" in token ? String(token.text) : token.raw)} />
      );
  }
}

function leading(href: string, content: ReactNode): ReactNode {
  const safe = safeHref(href);
  if (safe === null) return content;
  return (
    <a href={safe} target="_blank" rel="noreferrer noopener" className="link">
      {content}
    </a>
  );
}

const NAMED: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
};

/** The lexer writes text for markup; elements want it as it was. */
function plain(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => NAMED[entity] ?? entity);
}

/** Whether a text is meant as Markdown: it has a heading, list, table, code, link or emphasis. */
export function isMarkdown(text: string): boolean {
  return /^#{1,6}\s|^\s*[-*+]\s+\S|^\s*\d+\.\s+\S|^```|^\|.*\|\s*$|\[[^\]\n]+\]\([^)\s]+\)|\*\*[^*\n]+\*\*|`[^`\n]+`|^>\s/m.test(
    text,
  );
}
