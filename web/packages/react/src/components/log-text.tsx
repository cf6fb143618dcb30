"use client";

import {
  type Colour,
  oklchOf,
  paletteColour,
  parseAnsi,
  plainText,
  type Span,
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
 * What a text with escape sequences shows, as nodes; never markup out of the text itself. `ranges` are
 * marked, at most `length` characters drawn.
 */
export function renderText(
  raw: string,
  ranges: readonly (readonly [number, number])[] | null = null,
  links = true,
  length = Number.POSITIVE_INFINITY,
): ReactNode {
  return renderSpans(plainText(raw).slice(0, length), parseAnsi(raw), ranges ?? [], links);
}

/** A line's text as nodes: colours, hits and, where they are wanted, links. */
export function renderSpans(
  text: string,
  spans: readonly Span[] | null,
  ranges: readonly (readonly [number, number])[],
  links = true,
): ReactNode {
  const addresses = links ? splitLinks(text).filter((piece) => piece.href !== undefined) : [];
  if (spans === null && addresses.length === 0 && ranges.length === 0) return text;
  const pieces: Piece[] = [];
  let next = 0;
  for (const { text: own, at, style, href } of spans ?? [{ text, at: 0, style: null }]) {
    const end = Math.min(at + own.length, text.length);
    if (href !== undefined && links) {
      if (end > at) pieces.push({ text: text.slice(at, end), at, style, href });
      continue;
    }
    // An address may go on over several pieces of different looks.
    for (let from = at; from < end; ) {
      while (next < addresses.length && endOf(addresses[next] as Address) <= from) next++;
      const address = addresses[next];
      if (!address || address.at >= end) {
        pieces.push({ text: text.slice(from, end), at: from, style });
        break;
      }
      if (address.at > from) pieces.push({ text: text.slice(from, address.at), at: from, style });
      const start = Math.max(from, address.at);
      const stop = Math.min(end, endOf(address));
      pieces.push({ text: text.slice(start, stop), at: start, style, href: address.href });
      from = stop;
    }
  }
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only && ranges.length === 0 && !only.style && only.href === undefined) return only.text;
  return pieces.map((piece, index) => drawPiece(piece, index, ranges));
}

interface Address {
  readonly text: string;
  readonly at: number;
  readonly href?: string | undefined;
}

function endOf(address: Address): number {
  return address.at + address.text.length;
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
  if (style.underline) {
    classes.push("cops-underline");
    if (style.underline !== "single") {
      css.textDecorationStyle = style.underline === "curly" ? "wavy" : style.underline;
    }
    if (style.underlineColour !== undefined) {
      const colour = style.underlineColour;
      css.textDecorationColor =
        typeof colour === "number" && colour < 16 ? `var(--cops-ansi-${colour})` : colourOf(colour);
    }
  }
  if (style.overline) classes.push("cops-overline");
  if (style.control) classes.push("cops-control");
  if (style.strike) classes.push("cops-strike");
  const look = { className: classes.join(" "), style: Object.keys(css).length > 0 ? css : undefined };
  looks.set(style, look);
  return look;
}

function colourOf(colour: Colour): string {
  return typeof colour === "number" ? paletteColour(colour) : colour;
}
