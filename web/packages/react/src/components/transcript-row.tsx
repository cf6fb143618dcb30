"use client";

import {
  commandOf,
  contentText,
  type DrawnRow,
  diffLines,
  editsOf,
  formatDuration,
  formatInstant,
  formatLineHash,
  formatPlural,
  formatRowTime,
  formatUsd,
  mainArgument,
  plainText,
  type Row,
  showControls,
  type TextRange,
  type TranscriptEntry,
  type TranscriptLens,
} from "@claudeops/model";
import { memo, type ReactNode } from "react";
import { renderSpans, renderText } from "./log-text.js";
import { Linked, RichText } from "./rich-text.js";

/** Characters of a result drawn at once. */
const DRAWN = 6000;

export interface TranscriptRowProps {
  readonly drawn: DrawnRow;
  readonly lens: TranscriptLens;
  readonly result: Row | null;
  readonly resultRanges: readonly TextRange[];
  readonly version: number;
  /** The raw event is shown. */
  readonly raw: boolean;
  readonly current: boolean;
  readonly focusable: boolean;
  readonly here: string;
  fileUrl?(path: string): string | undefined;
}

/** One thing that was said or done. What is pressed in it is told by data-act and heard by the component. */
export const TranscriptRow = memo(
  function TranscriptRow({
    drawn,
    lens,
    result,
    resultRanges,
    raw,
    current,
    focusable,
    here,
    fileUrl,
  }: TranscriptRowProps): ReactNode {
    const { row, seq } = drawn;
    const entry = row && lens.entry(row);
    const depth = lens.depthOf(entry ?? null);
    return (
      // biome-ignore lint/a11y/useSemanticElements: rows are placed by hand; li would bring a list's own look
      <div
        className="cops-entry"
        role="listitem"
        data-seq={seq}
        data-entry={entry?.kind ?? row?.kind ?? "pending"}
        data-level={row?.level}
        data-error={entry?.isError || (result && lens.entry(result)?.isError) || undefined}
        data-current={current || undefined}
        data-selected={drawn.selected || undefined}
        data-type={row?.kind === "mark" ? row.type : undefined}
        style={depth > 0 ? { paddingInlineStart: `${14 + depth * 22}px` } : undefined}
        tabIndex={focusable ? 0 : -1}
      >
        {row ? (
          <>
            <div className="cops-entry-main">
              <Body
                row={row}
                entry={entry ?? null}
                drawn={drawn}
                result={result}
                resultRanges={resultRanges}
                lens={lens}
                fileUrl={fileUrl}
              />
              {raw && <pre className="cops-json">{rawOf(row, result)}</pre>}
            </div>
            <span className="cops-entry-side">
              <a
                className="cops-entry-time"
                href={here + formatLineHash({ from: seq, to: seq })}
                data-act="select"
                tabIndex={-1}
                title={Number.isNaN(row.time) ? undefined : formatInstant(row.time)}
              >
                {formatRowTime(row.time, "local", 0).slice(0, 8)}
              </a>
              <button
                type="button"
                className="cops-entry-raw"
                data-act="raw"
                aria-pressed={raw}
                aria-label="Raw event"
                title="Raw event"
                tabIndex={-1}
              >
                {"{}"}
              </button>
            </span>
          </>
        ) : (
          <span className="cops-entry-main cops-pending" aria-hidden="true" />
        )}
      </div>
    );
  },
  (a, b) =>
    a.drawn.seq === b.drawn.seq &&
    a.drawn.row === b.drawn.row &&
    a.drawn.version === b.drawn.version &&
    a.drawn.expanded === b.drawn.expanded &&
    a.drawn.selected === b.drawn.selected &&
    a.drawn.ranges === b.drawn.ranges &&
    a.resultRanges === b.resultRanges &&
    a.result === b.result &&
    a.version === b.version &&
    a.raw === b.raw &&
    a.current === b.current &&
    a.focusable === b.focusable &&
    a.here === b.here &&
    a.fileUrl === b.fileUrl,
);

interface BodyProps {
  readonly row: Row;
  readonly entry: TranscriptEntry | null;
  readonly drawn: DrawnRow;
  readonly result: Row | null;
  readonly resultRanges: readonly TextRange[];
  readonly lens: TranscriptLens;
  readonly fileUrl: ((path: string) => string | undefined) | undefined;
}

function Body({ row, entry, drawn, result, resultRanges, lens, fileUrl }: BodyProps): ReactNode {
  const said = drawn.ranges.length > 0 ? <p>{renderSpans(row.text, row.spans, drawn.ranges)}</p> : null;
  switch (entry?.kind) {
    case "text":
      return said ?? <RichText text={row.text} />;
    case "user":
      return <div className="cops-told">{said ?? <RichText text={row.text} />}</div>;
    case "thinking":
      return (
        <Fold
          open={drawn.expanded || said !== null}
          head={<span className="cops-dim">Thinking</span>}
          brief={firstLine(row.text)}
        >
          <div className="cops-thought">{said ?? <RichText text={row.text} />}</div>
        </Fold>
      );
    case "todo":
      return (
        <ul className="cops-todo" aria-label="To do">
          {entry.items.map((item, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a list of one moment
            <li key={index} data-status={item.status}>
              <span aria-hidden="true">
                {item.status === "completed" ? "☑" : item.status === "in_progress" ? "▸" : "☐"}
              </span>{" "}
              {showControls(item.text)}
            </li>
          ))}
        </ul>
      );
    case "tool":
      return (
        <ToolCall
          row={row}
          entry={entry}
          drawn={drawn}
          result={result}
          resultRanges={resultRanges}
          lens={lens}
          fileUrl={fileUrl}
        />
      );
    case "tool_result":
      return (
        <Fold
          open={drawn.expanded || said !== null}
          head={<b>{entry.name || "Result"}</b>}
          brief={firstLine(row.text)}
        >
          <Output text={contentText(entry.content, row.text)} ranges={drawn.ranges} />
        </Fold>
      );
    default: {
      const cost = entry?.usd != null ? ` · ${formatUsd(entry.usd)}` : "";
      return (
        <p className={entry === null && row.kind === "line" ? "cops-plain" : "cops-aside"}>
          {renderSpans(row.text, row.spans, drawn.ranges)}
          {cost}
        </p>
      );
    }
  }
}

function ToolCall({
  row,
  entry,
  drawn,
  result,
  resultRanges,
  lens,
  fileUrl,
}: BodyProps & { entry: TranscriptEntry }): ReactNode {
  const outcome = result && lens.entry(result);
  const failed = outcome?.isError === true;
  const open = drawn.expanded || resultRanges.length > 0;
  const command = commandOf(entry);
  const edits = editsOf(entry);
  const main = command || mainArgument(entry.input) || row.text.replace(`${entry.name}: `, "");
  const path = command === "" && /[/\\.]/.test(main) && !main.includes("\n") ? main : "";
  const took = result ? result.time - row.time : Number.NaN;
  const text = result ? contentText(outcome?.content, result.text) : "";
  const exit = /^(?:Exit code|exit status) (\d+)/im.exec(text);
  const changed = edits.reduce(
    (sum, edit) => {
      for (const { sign } of diffLines(edit.before, edit.after)) {
        if (sign === "+") sum.added++;
        else if (sign === "-") sum.removed++;
      }
      return sum;
    },
    { added: 0, removed: 0 },
  );
  return (
    <Fold
      open={open}
      head={
        <>
          <span
            className="cops-sign"
            aria-hidden="true"
            data-state={result ? (failed ? "failed" : "done") : "running"}
          >
            {result ? (failed ? "✕" : "✓") : "…"}
          </span>
          <b>{entry.name || "Tool"}</b>
        </>
      }
      brief={
        <>
          {path ? <FileName path={path} fileUrl={fileUrl} /> : <code>{showControls(firstLine(main))}</code>}
          {edits.length > 0 && (
            <span className="cops-changed">
              <ins>+{changed.added}</ins> <del>−{changed.removed}</del>
            </span>
          )}
        </>
      }
      end={
        <>
          {exit && exit[1] !== "0" && <span className="cops-dim">exit {exit[1]}</span>}
          {result === null && <span className="cops-sr">no result yet</span>}
          {took >= 100 && <span className="cops-dim">{formatDuration(took)}</span>}
        </>
      }
    >
      {command !== "" ? (
        <pre className="cops-code">$ {showControls(command)}</pre>
      ) : edits.length > 0 ? (
        edits.map((edit, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: edits of one call never move
          <div key={index} className="cops-diff">
            {edits.length > 1 && edit.path && (
              <div className="cops-diff-path">
                <FileName path={edit.path} fileUrl={fileUrl} />
              </div>
            )}
            <pre>
              {diffLines(edit.before, edit.after).map((line, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: lines of one diff never move
                <span key={at} data-sign={line.sign}>
                  {line.sign} {showControls(line.text)}
                </span>
              ))}
            </pre>
          </div>
        ))
      ) : (
        entry.input !== undefined && <pre className="cops-json">{json(entry.input)}</pre>
      )}
      {result && text.trim() !== "" && <Output text={text} ranges={resultRanges} failed={failed} />}
      {outcome?.truncated && <p className="cops-dim">The rest is in the raw event.</p>}
    </Fold>
  );
}

function Fold(props: {
  readonly open: boolean;
  readonly head: ReactNode;
  readonly brief: ReactNode;
  readonly end?: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <div className="cops-foldable">
      <div className="cops-call">
        <button
          type="button"
          className="cops-call-toggle"
          data-act="toggle"
          aria-expanded={props.open}
          tabIndex={-1}
        >
          <span aria-hidden="true" className="cops-chevron">
            {props.open ? "▾" : "▸"}
          </span>
          {props.head}
        </button>
        <span className="cops-brief">{props.brief}</span>
        {props.end}
      </div>
      {props.open && <div className="cops-unfolded">{props.children}</div>}
    </div>
  );
}

function Output({
  text,
  ranges,
  failed = false,
}: {
  readonly text: string;
  readonly ranges: readonly TextRange[];
  readonly failed?: boolean;
}): ReactNode {
  const shown = plainText(text);
  const long = shown.length > DRAWN && ranges.length === 0;
  return (
    <>
      <pre className="cops-output" data-failed={failed || undefined}>
        {renderText(text, ranges, true, long ? DRAWN : Number.POSITIVE_INFINITY)}
      </pre>
      {long && (
        <p className="cops-dim">
          {formatPlural(shown.length - DRAWN, "more character")}, whole in the raw event
        </p>
      )}
    </>
  );
}

function FileName({
  path,
  fileUrl,
}: {
  readonly path: string;
  readonly fileUrl: ((path: string) => string | undefined) | undefined;
}): ReactNode {
  const url = /^https?:\/\//i.test(path) ? path : fileUrl?.(path);
  if (url === undefined) return <code>{showControls(path)}</code>;
  if (url === path) return <Linked text={path} />;
  return (
    <a href={url}>
      <code>{showControls(path)}</code>
    </a>
  );
}

function firstLine(text: string): string {
  const line = text.trimStart().split("\n", 1)[0] as string;
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function rawOf(row: Row, result: Row | null): string {
  return [row.event, result?.event].filter(Boolean).map(json).join("\n");
}

function json(value: unknown): string {
  return showControls(JSON.stringify(value, null, 2) ?? "");
}
