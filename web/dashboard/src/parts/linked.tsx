import type { ReactNode } from "react";

/** An address that may be followed; null for anything but http, https and mailto. */
export function safeHref(href: string): string | null {
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null; // relative to what wrote it, which is not this page
  }
}

const ADDRESS = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}»。、，）］｝」』]/g;

/** Text whose addresses are links. */
export function Linked({ text }: { readonly text: string }): ReactNode {
  const nodes: ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const safe = safeHref(match[0]);
    if (safe === null) continue;
    nodes.push(text.slice(at, match.index));
    nodes.push(
      <a key={match.index} href={safe} target="_blank" rel="noreferrer noopener" className="link">
        {match[0]}
      </a>,
    );
    at = match.index + match[0].length;
  }
  nodes.push(text.slice(at));
  return nodes;
}
