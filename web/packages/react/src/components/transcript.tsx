"use client";

import {
  DEFAULT_SETTINGS,
  formatPlural,
  LogModel,
  type LogView,
  type TextRange,
  TranscriptLens,
  transcriptMarkdown,
} from "@claudeops/model";
import {
  type CSSProperties,
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { useHub } from "../context.js";
import { comesFrom, documentOf, rootOf } from "../surroundings.js";
import { LogKeys } from "./log-keys.js";
import { hereNow, PROBE, useBrowserLayoutEffect, useDrawnHeights, useHash, useSizes } from "./log-layout.js";
import { LogRail } from "./log-rail.js";
import { FindBar, FindSign } from "./log-tools.js";
import { Notices } from "./log-viewer.js";
import { Menu, MenuItem } from "./menu.js";
import { TranscriptRow } from "./transcript-row.js";
import { useLogCopy } from "./use-log-copy.js";

export interface TranscriptProps {
  readonly executionId: string;
  /** What it is the transcript of, for those who can't see it. */
  readonly label?: string;
  /** Events in the page's address (`#L120`), or the name they have there. Default true. */
  readonly permalinks?: boolean | string;
  /** Keys work wherever the focus is, not only inside. Default false. */
  readonly pageKeys?: boolean;
  /** Where a file that is named can be looked at; `undefined` for no link. Pass the same function each time. */
  fileUrl?(path: string): string | undefined;
  /** How high it is: pixels, or any CSS length. Default: all of the element it stands in. */
  readonly height?: number | string;
  readonly style?: CSSProperties;
  readonly className?: string;
}

/**
 * An agent's run as a conversation: messages, thinking folded, tool calls with what came of them as one
 * row, lists of things to do, subagents indented. Reads the same events as the log, of any number: only
 * what is looked at is held. Needs `@claudeops/react/styles.css` and a height of its own.
 *
 * ```tsx
 * <Transcript executionId={id} height={640} />
 * ```
 */
export function Transcript(props: TranscriptProps): ReactNode {
  return <Conversation key={props.executionId} {...props} />;
}

const SETTINGS = { ...DEFAULT_SETTINGS, wrap: true, time: "off", numbers: false } as const;
const NONE: readonly TextRange[] = [];

function Conversation({
  executionId,
  label = "Transcript",
  permalinks = true,
  pageKeys = false,
  fileUrl,
  height,
  style,
  className,
}: TranscriptProps): ReactNode {
  const hub = useHub();
  const store = hub.log(executionId);
  const lens = useMemo(() => new TranscriptLens(), []);
  const model = useMemo(() => new LogModel(store, SETTINGS, lens), [store, lens]);
  const view = useSyncExternalStore(model.subscribe, model.getView, model.getView);
  const root = useRef<HTMLElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLDivElement>(null);
  const focusSeq = useRef<number | null>(null);
  const [tool, setTool] = useState<"find" | "goto" | null>(null);
  const [focused, setFocused] = useState<number | null>(null);
  const [raws, setRaws] = useState<ReadonlySet<number>>(new Set());
  const [here, setHere] = useState("");
  const hintId = useId();
  useEffect(() => setHere(hereNow()), []);
  useSizes(model, scroller, probe);
  useDrawnHeights(model, view, scroller, rows);
  const writeHash = useHash(model, permalinks === true ? executionId : permalinks);
  const copying = useLogCopy(model, root);

  useBrowserLayoutEffect(() => {
    if (focusSeq.current === null) return;
    const element = rows.current?.querySelector<HTMLElement>(`[data-seq="${focusSeq.current}"]`);
    if (!element) return;
    focusSeq.current = null;
    element.focus({ preventScroll: true });
  }, [view]);

  const keys = useMemo(
    () =>
      new LogKeys({
        model,
        change: () => {},
        focusRow: (seq) => {
          focusSeq.current = seq;
          setFocused(seq);
          model.reveal(seq);
        },
        focusedRow: () => {
          const active = rootOf(rows.current).activeElement?.closest<HTMLElement>("[data-seq]");
          return active && rows.current?.contains(active) ? Number(active.dataset.seq) : null;
        },
        openTool: (name) => setTool(name === "goto" ? null : name),
        closeTool: () => {
          setTool(null);
          model.find.clear();
          scroller.current?.focus({ preventScroll: true });
        },
        leaveFull: () => {},
      }),
    [model],
  );
  useEffect(() => {
    if (!pageKeys) return;
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (!comesFrom(event, root.current)) keys.handle(event, true);
    };
    const page = documentOf(root.current);
    page.addEventListener("keydown", onKey);
    return () => page.removeEventListener("keydown", onKey);
  }, [keys, pageKeys]);

  const resting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onScroll = () => {
    if (!scroller.current) return;
    model.scrolled(scroller.current.scrollTop);
    clearTimeout(resting.current);
    resting.current = setTimeout(() => model.rest(), 180);
  };
  useEffect(() => () => clearTimeout(resting.current), []);

  const onClick = (event: MouseEvent<HTMLElement>) => {
    const target = event.target as HTMLElement;
    const seq = Number(target.closest<HTMLElement>("[data-seq]")?.dataset.seq);
    if (!(seq > 0)) return;
    const act = target.closest<HTMLElement>("[data-act]")?.dataset.act;
    if (act === "toggle") model.toggle(seq);
    else if (act === "raw") {
      const next = new Set(raws);
      if (!next.delete(seq)) next.add(seq);
      setRaws(next);
    } else if (act === "select" && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      const { selection } = model.getView();
      model.select(selection?.from === seq ? null : { from: seq, to: seq });
      writeHash();
    }
  };

  const markdown = useCallback(() => {
    const { selection, store: state } = model.getView();
    const [from, to] = selection ? [selection.from, selection.to] : [1, state.head];
    copying.copyLater(
      (signal, onProgress) => transcriptMarkdown(model.store, from, to, signal, onProgress),
      "Copied as Markdown",
    );
  }, [model, copying]);

  const showRaw = () => {
    lens.setRaw(!lens.raw);
    model.refresh();
  };
  const firstSeq = view.rows[0]?.seq ?? null;
  const tabSeq = focused !== null && view.rows.some((row) => row.seq === focused) ? focused : firstSeq;
  const { currentSeq } = model.find.state;
  return (
    <section
      ref={root}
      className={`cops-log cops-transcript${className ? ` ${className}` : ""}`}
      style={height === undefined ? style : { height, ...style }}
      data-wrap
      aria-label={label}
      onKeyDown={(event: KeyboardEvent) => keys.handle(event.nativeEvent, false)}
    >
      <div
        className="cops-log-tools"
        role="toolbar"
        aria-label="Transcript view"
        data-tool={tool ?? undefined}
      >
        <div className="cops-tools-main">
          <button
            type="button"
            className="cops-tool"
            aria-pressed={view.follow}
            onClick={() => model.setFollow(!view.follow)}
          >
            Follow
          </button>
          <button type="button" className="cops-tool" onClick={markdown}>
            {copying.waits ? "Copy" : "Copy as Markdown"}
          </button>
          <Menu label="More" button="⋯">
            <MenuItem checked={lens.raw} onSelect={showRaw}>
              Events that say nothing to a reader
            </MenuItem>
          </Menu>
          <span className="cops-said" role="status">
            {copying.said}
          </span>
          <button
            type="button"
            className="cops-tool cops-find-open"
            aria-label="Find"
            onClick={() => setTool("find")}
          >
            <FindSign />
          </button>
        </div>
        <FindBar
          model={model}
          only={false}
          open={tool === "find"}
          onOpen={() => setTool("find")}
          onClose={keys.closeTool}
        />
      </div>
      <div className="cops-log-body">
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the section's keys do what pressing does */}
        <div
          ref={scroller}
          className="cops-log-scroll"
          role="log"
          aria-live="off"
          aria-label={label}
          aria-describedby={hintId}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
          tabIndex={0}
          onScroll={onScroll}
          onClick={onClick}
        >
          <div className="cops-log-spacer" style={{ height: view.spacer }}>
            {/* biome-ignore lint/a11y/useSemanticElements: see TranscriptRow */}
            <div
              ref={rows}
              className="cops-log-rows"
              role="list"
              style={{ transform: `translateY(${view.y}px)` }}
            >
              {view.rows.map((drawn) => {
                const entry = drawn.row && lens.entry(drawn.row);
                const result = entry?.kind === "tool" ? lens.resultOf(entry) : null;
                return (
                  <TranscriptRow
                    key={drawn.seq}
                    drawn={drawn}
                    lens={lens}
                    result={result}
                    resultRanges={(result && model.find.marks?.of(result.seq, result.text)) ?? NONE}
                    version={result?.version ?? 0}
                    raw={raws.has(drawn.seq)}
                    current={drawn.seq === currentSeq || (result !== null && result.seq === currentSeq)}
                    focusable={drawn.seq === tabSeq}
                    here={here}
                    {...(fileUrl ? { fileUrl } : {})}
                  />
                );
              })}
            </div>
          </div>
        </div>
        <LogRail model={model} view={view} hits={model.find.seqs} />
        <Notices view={view} model={model} />
        <Newer view={view} model={model} />
        <div ref={probe} className="cops-probe" aria-hidden="true">
          <span>{PROBE}</span>
        </div>
      </div>
      <span id={hintId} className="cops-sr">
        Arrow keys move by entry, Enter unfolds, f follows the end, slash finds.
      </span>
    </section>
  );
}

function Newer({ view, model }: { view: LogView; model: LogModel }): ReactNode {
  if (view.follow || view.newLines === 0) return null;
  return (
    <button type="button" className="cops-newer" onClick={() => model.setFollow(true)}>
      {formatPlural(view.newLines, "new event")} ↓
    </button>
  );
}
