"use client";

import {
  type Colour,
  oklchOf,
  paletteColour,
  parseAnsi,
  rangesOf,
  type Style,
  splitLinks,
} from "@claudeops/model";
import type { CSSProperties, ReactNode } from "react";

interface Piece {
  readonly text: string;
  /** Offset in the visible text. */
  readonly at: number;
  readonly style: Style | null;
  readonly href?: string | undefined;
}

/**
 * A line's text as nodes: colours, hits and, where they are wanted, links; never markup out of the
 * line itself.
 */
export function renderText(raw: string, matcher: RegExp | null, links = true): ReactNode {
  const pieces: Piece[] = [];
  let at = 0;
  let visible = "";
  for (const span of parseAnsi(raw)) {
    if (!links) pieces.push({ text: span.text, at, style: span.style });
    else if (span.href !== undefined)
      pieces.push({ text: span.text, at, style: span.style, href: span.href });
    else
      for (const link of splitLinks(span.text))
        pieces.push({ text: link.text, at: at + link.at, style: span.style, href: link.href });
    at += span.text.length;
    visible += span.text;
  }
  const ranges = matcher ? rangesOf(visible, matcher) : [];
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only && ranges.length === 0 && !only.style && only.href === undefined) return only.text;
  return pieces.map((piece, index) => drawPiece(piece, index, ranges));
}

function drawPiece(piece: Piece, key: number, ranges: readonly (readonly [number, number])[]): ReactNode {
  const inside = cut(piece, ranges);
  const look = piece.style ? lookOf(piece.style) : null;
  if (piece.href !== undefined) {
    return (
      <a
        key={key}
        className={look?.className}
        style={look?.style}
        href={piece.href}
        target="_blank"
        rel="noopener noreferrer nofollow"
      >
        {inside}
      </a>
    );
  }
  if (!look) return inside.length === 1 ? inside[0] : <span key={key}>{inside}</span>;
  return (
    <span key={key} className={look.className} style={look.style}>
      {inside}
    </span>
  );
}

function cut(piece: Piece, ranges: readonly (readonly [number, number])[]): ReactNode[] {
  const nodes: ReactNode[] = [];
  const end = piece.at + piece.text.length;
  let from = piece.at;
  for (const [start, stop] of ranges) {
    if (stop <= from || start >= end) continue;
    if (start > from) nodes.push(piece.text.slice(from - piece.at, start - piece.at));
    const to = Math.min(stop, end);
    nodes.push(<mark key={start}>{piece.text.slice(Math.max(start, from) - piece.at, to - piece.at)}</mark>);
    from = to;
  }
  if (from < end) nodes.push(piece.text.slice(from - piece.at));
  return nodes;
}

const looks = new WeakMap<Style, { className: string; style: CSSProperties | undefined }>();

function lookOf(style: Style): { className: string; style: CSSProperties | undefined } {
  const known = looks.get(style);
  if (known) return known;
  const classes: string[] = [];
  const css: CSSProperties & Record<`--cops-own${string}`, string | number> = {};
  let { fg, bg } = style;
  if (style.inverse) {
    // Without colours of its own, an inverse piece swaps those of the page.
    if (fg === undefined && bg === undefined) classes.push("cops-inverse");
    [fg, bg] = [bg, fg];
  }
  if (typeof fg === "number" && fg < 16) classes.push(`cops-fg${fg}`);
  else if (fg !== undefined) {
    // The stylesheet keeps a colour of the agent's own readable on both grounds, unless it brings its own.
    const colour = colourOf(fg);
    if (bg === undefined) {
      const [l, c, h] = oklchOf(colour);
      classes.push("cops-own");
      css["--cops-own"] = colour;
      css["--cops-own-l"] = l;
      css["--cops-own-c"] = c;
      css["--cops-own-h"] = h;
    } else css.color = colour;
  }
  if (typeof bg === "number" && bg < 16) classes.push(`cops-bg${bg}`);
  else if (bg !== undefined) css.backgroundColor = colourOf(bg);
  if (style.bold) classes.push("cops-bold");
  if (style.dim) classes.push("cops-faint");
  if (style.italic) classes.push("cops-italic");
  if (style.underline) classes.push("cops-underline");
  if (style.strike) classes.push("cops-strike");
  const look = { className: classes.join(" "), style: Object.keys(css).length > 0 ? css : undefined };
  looks.set(style, look);
  return look;
}

function colourOf(colour: Colour): string {
  return typeof colour === "number" ? paletteColour(colour) : colour;
}
