"use client";

import {
  DRAWN_LIMIT,
  type DrawnRow,
  formatCount,
  formatInstant,
  formatLineHash,
  formatPlural,
  formatRowTime,
  indentJson,
  jsonOf,
  type LogSettings,
  type Row,
  showControls,
} from "@claudeops/model";
import { memo, type ReactNode } from "react";
import { type LogLine, lineOf } from "./log-line.js";
import { renderSpans } from "./log-text.js";

export interface LogRowProps {
  readonly drawn: DrawnRow;
  readonly settings: LogSettings;
  readonly origin: number;
  /** The hit one stands on. */
  readonly current: boolean;
  /** The row keys go to. */
  readonly focusable: boolean;
  /** The page's address without its fragment. */
  readonly here: string;
  /** Draws the text instead. */
  readonly renderLine: ((line: LogLine, usual: ReactNode) => ReactNode) | undefined;
}

/** One line. What is pressed in it is told by data-act and heard by the viewer. */
export const LogRow = memo(function LogRow({
  drawn,
  settings,
  origin,
  current,
  focusable,
  here,
  renderLine,
}: LogRowProps): ReactNode {
  const { row, seq } = drawn;
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows are placed by hand; li would bring a list's own look
    <div
      className="cops-row"
      role="listitem"
      data-seq={seq}
      data-level={row?.level}
      data-kind={row?.kind ?? "pending"}
      data-stream={row?.stream ?? undefined}
      data-type={row?.kind === "mark" ? row.type : undefined}
      data-selected={drawn.selected || undefined}
      data-current={current || undefined}
      tabIndex={focusable ? 0 : -1}
    >
      {settings.numbers && (
        <a
          className="cops-number"
          href={here + formatLineHash({ from: seq, to: seq })}
          data-act="select"
          tabIndex={-1}
        >
          {formatCount(seq)}
        </a>
      )}
      {settings.time !== "off" && (
        <span
          className="cops-time"
          title={row && !Number.isNaN(row.time) ? formatInstant(row.time) : undefined}
        >
          {row ? formatRowTime(row.time, settings.time, origin) : ""}
        </span>
      )}
      {row ? (
        <RowText row={row} drawn={drawn} renderLine={renderLine} />
      ) : (
        <span className="cops-text cops-pending" aria-hidden="true" />
      )}
    </div>
  );
}, same);

function same(a: LogRowProps, b: LogRowProps): boolean {
  return (
    a.drawn.seq === b.drawn.seq &&
    a.drawn.row === b.drawn.row &&
    a.drawn.version === b.drawn.version &&
    a.drawn.expanded === b.drawn.expanded &&
    a.drawn.folded === b.drawn.folded &&
    a.drawn.selected === b.drawn.selected &&
    a.settings === b.settings &&
    a.origin === b.origin &&
    (a.drawn.ranges === b.drawn.ranges || (a.drawn.ranges.length === 0 && b.drawn.ranges.length === 0)) &&
    a.current === b.current &&
    a.focusable === b.focusable &&
    a.here === b.here &&
    a.renderLine === b.renderLine
  );
}

function RowText({
  row,
  drawn,
  renderLine,
}: {
  row: Row;
  drawn: DrawnRow;
  renderLine: LogRowProps["renderLine"];
}): ReactNode {
  const long = row.text.length > DRAWN_LIMIT;
  const text = long && !drawn.expanded ? row.text.slice(0, DRAWN_LIMIT) : row.text;
  const details = row.kind !== "line" ? undefined : row.data !== undefined ? row.data : jsonOf(row.text);
  const unfolds = details !== undefined;
  // What the agent's driver says (a tool call, a message) stands out; a line that happens to be JSON does not.
  const structured = unfolds && row.stream === "agent";
  return (
    <span className="cops-text" data-structured={structured || undefined}>
      {row.groupStart !== null && (
        <button
          type="button"
          className="cops-fold"
          data-act="group"
          aria-expanded={!drawn.folded}
          aria-label={`Group ${row.groupStart}`}
          tabIndex={-1}
        >
          {drawn.folded ? "▸" : "▾"}
        </button>
      )}
      {unfolds && (
        <button
          type="button"
          className="cops-fold"
          data-act="toggle"
          aria-expanded={drawn.expanded}
          aria-label="Details"
          tabIndex={-1}
        >
          {drawn.expanded ? "▾" : "▸"}
        </button>
      )}
      <span className="cops-line">
        {row.groupStart !== null ? (
          <b>{renderSpans(row.text || row.groupStart, row.spans, drawn.ranges)}</b>
        ) : (
          (renderLine?.(lineOf(row.seq, row), renderSpans(text, row.spans, drawn.ranges)) ??
          renderSpans(text, row.spans, drawn.ranges))
        )}
      </span>
      {long && (
        <button type="button" className="cops-more" data-act="toggle" tabIndex={-1}>
          {drawn.expanded ? "less" : `… ${formatPlural(row.text.length - DRAWN_LIMIT, "more character")}`}
        </button>
      )}
      {row.rewrites > 0 && (
        <span className="cops-note" title="The line rewrote itself; its last state is shown">
          {" "}
          ↻ {formatCount(row.rewrites)}
        </span>
      )}
      {unfolds && drawn.expanded && <pre className="cops-json">{pretty(details, row.text)}</pre>}
    </span>
  );
}

/** Details as JSON: of a line that is JSON itself, with its numbers as they are written. */
function pretty(value: unknown, text: string): string {
  if (jsonOf(text) !== undefined) return showControls(indentJson(text.trim()));
  try {
    return showControls(JSON.stringify(value, null, 2) ?? "");
  } catch {
    return String(value);
  }
}
