"use client";

import {
  DEFAULT_SETTINGS,
  formatPlural,
  type LineRange,
  LogModel,
  type LogSettings,
  type LogView,
  loadSettings,
  plainText,
  saveSettings,
} from "@claudeops/model";
import {
  type CSSProperties,
  type ForwardedRef,
  forwardRef,
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useId,
  useImperativeHandle,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { useHub } from "../context.js";
import { comesFrom, documentOf, rootOf, windowOf } from "../surroundings.js";
import { inDevelopment, warnOnce } from "../warn.js";
import { useLogDownload } from "./log-download.js";
import { LogKeys } from "./log-keys.js";
import { hereNow, PROBE, useBrowserLayoutEffect, useDrawnHeights, useHash, useSizes } from "./log-layout.js";
import { type LogLine, lineOf } from "./log-line.js";
import { LogRail } from "./log-rail.js";
import { LogRow } from "./log-row.js";
import { LogSelection } from "./log-selection.js";
import { DEFAULT_LOG_TEXTS, type LogTexts, LogTextsProvider, useLogTexts } from "./log-texts.js";
import { LogTools } from "./log-tools.js";
import { useLogCopy } from "./use-log-copy.js";

export interface LogViewerProps {
  readonly executionId: string;
  /** What it is the log of, for those who can't see it. */
  readonly label?: string;
  /** Where the raw bytes are; default: the server's `/log`. `null` offers no download. */
  readonly downloadUrl?: string | null;
  /**
   * Lines in the page's address: `#L120-L140`, and `#name:L120` where a page has several viewers. The name
   * is the execution's id, or what is given here. Default true.
   */
  readonly permalinks?: boolean | string;
  /** Keys work wherever the focus is, not only inside. For pages that are mainly a log. Default false. */
  readonly pageKeys?: boolean;
  /** How it looks to somebody who has not chosen yet. */
  readonly defaults?: Partial<LogSettings>;
  /** How high it is: pixels, or any CSS length. Default: all of the element it stands in. */
  readonly height?: number | string;
  readonly style?: CSSProperties;
  readonly className?: string;
  /** A line was pressed: not its number, nor anything else in it that does something. */
  onLineClick?(line: LogLine): void;
  /** Instead of the tools above the lines; `null` for none. A function gets the viewer to act on. */
  readonly toolbar?: ReactNode | ((viewer: LogViewerHandle, view: LogView) => ReactNode);
  /** Draws a line's text; `usual` is how it would be drawn. Pass the same function each time. */
  renderLine?(line: LogLine, usual: ReactNode): ReactNode;
  /** Other words, e.g. of another language. */
  readonly texts?: Partial<LogTexts>;
}

/** What a `ref` to a viewer gives. */
export interface LogViewerHandle {
  /** Follows the end, or no longer. */
  follow(on?: boolean): void;
  /** Brings a line into view. */
  goTo(seq: number): void;
  /** Looks for text in the whole log, marks it and goes to the first hit; an empty text ends it. */
  search(text: string, options?: { readonly regex?: boolean; readonly caseSensitive?: boolean }): void;
  /** Chooses lines, as pressing their numbers does; null for none. */
  select(range: LineRange | null): void;
  /** The viewer's element. */
  readonly element: HTMLElement | null;
}

/**
 * The log of an execution, live, at any length: only what is looked at is held. Follows the end until
 * one scrolls up. Needs `@claudeops/react/styles.css` and a height of its own.
 *
 * ```tsx
 * <div style={{ height: 480 }}>
 *   <LogViewer executionId={id} />
 * </div>
 * ```
 */
export const LogViewer = forwardRef<LogViewerHandle, LogViewerProps>(function LogViewer(props, ref) {
  if (!props.executionId)
    warnOnce("executionId", "a LogViewer has no executionId; render it once there is an execution");
  // Another execution is another viewer: nothing of the last one may linger.
  return <Viewer key={props.executionId} {...props} handle={ref} />;
});

function Viewer({
  handle,
  height,
  style,
  onLineClick,
  toolbar,
  renderLine,
  texts: given,
  executionId,
  label = "Log",
  downloadUrl,
  permalinks = true,
  pageKeys = false,
  defaults,
  className,
}: LogViewerProps & { readonly handle: ForwardedRef<LogViewerHandle> }): ReactNode {
  const hub = useHub();
  const store = hub.log(executionId);
  // biome-ignore lint/correctness/useExhaustiveDependencies: defaults count once
  const model = useMemo(() => new LogModel(store, { ...DEFAULT_SETTINGS, ...defaults }), [store]);
  const view = useSyncExternalStore(model.subscribe, model.getView, model.getView);
  const root = useRef<HTMLElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLDivElement>(null);
  const focusSeq = useRef<number | null>(null);
  const [tool, setTool] = useState<"find" | "goto" | null>(null);
  const [focused, setFocused] = useState<number | null>(null);
  const [full, setFull] = useState(false);
  const [here, setHere] = useState("");
  const hintId = useId();

  // Remembered settings are read after the first render: a server could not have known them.
  useBrowserLayoutEffect(() => {
    model.setSettings(loadSettings(storage(), { ...DEFAULT_SETTINGS, ...defaults }));
  }, [model]);

  const change = useCallback(
    (settings: Partial<LogSettings>) => {
      model.setSettings(settings);
      saveSettings(storage(), { ...model.getView().settings, ...settings });
    },
    [model],
  );

  useEffect(() => setHere(hereNow()), []);
  useSizes(model, scroller, probe);
  useDrawnHeights(model, view, scroller, rows);
  const writeHash = useHash(model, permalinks === true ? executionId : permalinks);
  const texts = useMemo(() => ({ ...DEFAULT_LOG_TEXTS, ...given }), [given]);
  const download = useLogDownload(executionId, downloadUrl);
  useSetupWarnings(root);

  // A key has moved to a row that was not drawn yet.
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
        change,
        focusRow: (seq) => {
          focusSeq.current = seq;
          setFocused(seq);
          model.reveal(seq);
        },
        focusedRow: () => {
          const active = rootOf(rows.current).activeElement?.closest<HTMLElement>("[data-seq]");
          return active && rows.current?.contains(active) ? Number(active.dataset.seq) : null;
        },
        openTool: setTool,
        closeTool: () => {
          setTool(null);
          model.find.clear();
          scroller.current?.focus({ preventScroll: true });
        },
        leaveFull: () => setFull(false),
      }),
    [model, change],
  );

  useEffect(() => {
    if (!pageKeys) return;
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (comesFrom(event, root.current)) return;
      keys.handle(event, true);
    };
    const page = documentOf(root.current);
    page.addEventListener("keydown", onKey);
    return () => page.removeEventListener("keydown", onKey);
  }, [keys, pageKeys]);

  const act = useMemo<LogViewerHandle>(
    () => ({
      follow: (on = true) => model.setFollow(on),
      goTo: (seq) => model.goTo(seq),
      search: (text, options = {}) => {
        const query = { text, regex: options.regex === true, caseSensitive: options.caseSensitive === true };
        void model.find.search(query, model.topSeq).then((seq) => {
          if (seq !== null) model.goTo(seq);
        });
      },
      select: (range) => {
        model.select(range);
        writeHash();
      },
      get element() {
        return root.current;
      },
    }),
    [model, writeHash],
  );
  useImperativeHandle(handle, () => act, [act]);

  // A movement of the element by itself may leave it a little off; when it rests, it is put right.
  const resting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    model.scrolled(element.scrollTop);
    clearTimeout(resting.current);
    resting.current = setTimeout(() => model.rest(), 180);
  };
  useEffect(() => () => clearTimeout(resting.current), []);

  const onClick = (event: MouseEvent<HTMLElement>) => {
    const target = event.target as HTMLElement;
    const row = target.closest<HTMLElement>("[data-seq]");
    if (!row) return;
    const seq = Number(row.dataset.seq);
    const act = target.closest<HTMLElement>("[data-act]")?.dataset.act;
    if (act === "select") {
      if (event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      const before = model.getView().selection;
      if (event.shiftKey && before) {
        windowOf(root.current).getSelection()?.removeAllRanges();
        model.select({ from: Math.min(before.from, seq), to: Math.max(before.to, seq) });
      } else if (before && before.from === seq && before.to === seq) model.select(null);
      else model.select({ from: seq, to: seq });
      writeHash();
    } else if (act === "toggle") model.toggle(seq);
    else if (act === "group") void model.toggleGroup(seq);
    else if (onLineClick && !target.closest("a, button")) {
      const drawn = model.getView().rows.find((one) => one.seq === seq);
      if (drawn?.row) onLineClick(lineOf(seq, drawn.row));
    }
  };

  const copying = useLogCopy(model, root);
  const selecting = useRef<LogSelection | null>(null);
  useEffect(() => {
    if (!scroller.current || !rows.current) return;
    selecting.current = new LogSelection(model, scroller.current, rows.current);
    return selecting.current.attach();
  }, [model]);
  // Lines have moved, or others are drawn: the selection is drawn anew.
  useBrowserLayoutEffect(() => {
    selecting.current?.extend();
    selecting.current?.draw();
  }, [view]);

  const hits = model.find.seqs;
  const { currentSeq } = model.find.state;
  const firstSeq = view.rows[0]?.seq ?? null;
  const tabSeq = focused !== null && view.rows.some((row) => row.seq === focused) ? focused : firstSeq;
  return (
    <LogTextsProvider value={texts}>
      <section
        ref={root}
        // Translators replace text nodes that React goes on changing.
        translate="no"
        className={`cops-log${className ? ` ${className}` : ""}`}
        style={height === undefined ? style : { height, ...style }}
        data-full={full || undefined}
        data-wrap={view.settings.wrap || undefined}
        data-numbers={view.settings.numbers || undefined}
        data-time={view.settings.time}
        aria-label={label}
        onKeyDown={(event: KeyboardEvent) => keys.handle(event.nativeEvent, false)}
      >
        {toolbar === undefined ? (
          <LogTools
            model={model}
            view={view}
            tool={tool}
            onTool={setTool}
            onChange={change}
            download={download}
            full={full}
            onFull={setFull}
            onClose={keys.closeTool}
            copying={copying}
          />
        ) : typeof toolbar === "function" ? (
          toolbar(act, view)
        ) : (
          toolbar
        )}
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
              {/* biome-ignore lint/a11y/useSemanticElements: see LogRow */}
              <div
                ref={rows}
                className="cops-log-rows"
                role="list"
                style={{
                  transform: `translateY(${view.y}px)`,
                  minWidth: view.settings.wrap
                    ? undefined
                    : `max(100%, calc(${view.columns}ch + var(--cops-gutter, 0px)))`,
                }}
              >
                {view.rows.map((drawn) => (
                  <LogRow
                    key={drawn.seq}
                    drawn={drawn}
                    settings={view.settings}
                    origin={view.origin}
                    current={drawn.seq === currentSeq}
                    focusable={drawn.seq === tabSeq}
                    here={here}
                    renderLine={renderLine}
                  />
                ))}
              </div>
            </div>
          </div>
          <LogRail model={model} view={view} hits={hits} />
          <Notices view={view} model={model} />
          {!view.follow && view.newLines > 0 && (
            <button type="button" className="cops-newer" onClick={() => model.setFollow(true)}>
              {texts.newLines(view.newLines)} ↓
            </button>
          )}
          <div ref={probe} className="cops-probe" aria-hidden="true">
            <span>{PROBE}</span>
          </div>
        </div>
        <span id={hintId} className="cops-sr">
          {formatPlural(view.store.head, "line")}. Arrow keys move by line, Enter opens, f follows the end,
          slash finds.
        </span>
        <Announcer view={view} model={model} />
      </section>
    </LogTextsProvider>
  );
}

export function Notices({ view, model }: { view: LogView; model: LogModel }): ReactNode {
  const texts = useLogTexts();
  const { store } = view;
  if (store.error) {
    return (
      <div className="cops-notice" role="alert">
        <span>
          {store.head === 0 ? "The log can't be opened" : "Some lines can't be fetched"}:{" "}
          {store.error.message}
        </span>
        <button type="button" className="cops-button" onClick={() => model.store.retry()}>
          {texts.tryAgain}
        </button>
      </div>
    );
  }
  if (view.scanPaused) {
    return (
      <div className="cops-notice">
        <span>Nothing for these filters in a long stretch.</span>
        <button type="button" className="cops-button" onClick={() => model.lookFurther()}>
          Look further
        </button>
      </div>
    );
  }
  if (store.opening) return <div className="cops-empty">{texts.opening}</div>;
  if (view.rows.length === 0) {
    return <div className="cops-empty">{store.head > 0 ? texts.noMatch : texts.noOutput}</div>;
  }
  return null;
}

/** Says what comes, now and then, to those who listen: every line of a fast log would drown all else. */
function Announcer({ view, model }: { view: LogView; model: LogModel }): ReactNode {
  const [text, setText] = useState("");
  const { streaming } = view.store;
  useEffect(() => {
    if (!streaming) return;
    let said = model.store.getState().head;
    const timer = setInterval(() => {
      const { head } = model.store.getState();
      if (head <= said) return;
      const last = model.store.tail(1)[0]?.message;
      setText(`${formatPlural(head - said, "new line")}${last ? `. ${plainText(last).slice(0, 200)}` : ""}`);
      said = head;
    }, 3000);
    return () => clearInterval(timer);
  }, [streaming, model]);
  return (
    <span className="cops-sr" role="status">
      {text}
    </span>
  );
}

/** Looks for what is usually forgotten, in development: the stylesheet, and a height. */
export function useSetupWarnings(root: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    inDevelopment(() => {
      const element = root.current;
      if (!element || typeof getComputedStyle === "undefined") return;
      const styles = getComputedStyle(element);
      // Test environments lay nothing out.
      if (element.getBoundingClientRect().width === 0) return;
      if (styles.getPropertyValue("--cops-bg").trim() === "")
        warnOnce("styles", 'the stylesheet is missing: import "@claudeops/react/styles.css"');
      else if (element.clientHeight < 60)
        warnOnce(
          "height",
          "a LogViewer has no height: give it one by `height`, or to the element it stands in",
        );
    });
  }, [root]);
}

function storage(): Storage | null {
  try {
    return typeof window === "undefined" ? null : window.localStorage;
  } catch {
    return null;
  }
}
