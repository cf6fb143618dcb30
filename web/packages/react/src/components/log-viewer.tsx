"use client";

import {
  DEFAULT_SETTINGS,
  formatLineHash,
  formatPlural,
  LogModel,
  type LogSettings,
  type LogView,
  loadSettings,
  parseLineHash,
  plainText,
  saveSettings,
} from "@claudeops/model";
import {
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { useHub } from "../context.js";
import { LogKeys } from "./log-keys.js";
import { LogRail } from "./log-rail.js";
import { LogRow } from "./log-row.js";
import { LogTools } from "./log-tools.js";

export interface LogViewerProps {
  readonly executionId: string;
  /** What it is the log of, for those who can't see it. */
  readonly label?: string;
  /** Where the raw bytes are; default: the server's `/log`. `null` offers no download. */
  readonly downloadUrl?: string | null;
  /** Lines in the page's address (`#L120-L140`). Default true. */
  readonly permalinks?: boolean;
  /** Keys work wherever the focus is, not only inside. For pages that are mainly a log. Default false. */
  readonly pageKeys?: boolean;
  /** How it looks to somebody who has not chosen yet. */
  readonly defaults?: Partial<LogSettings>;
  readonly className?: string;
}

const useBrowserLayoutEffect = typeof window === "undefined" ? useEffect : useLayoutEffect;

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
export function LogViewer(props: LogViewerProps): ReactNode {
  // Another execution is another viewer: nothing of the last one may linger.
  return <Viewer key={props.executionId} {...props} />;
}

function Viewer({
  executionId,
  label = "Log",
  downloadUrl,
  permalinks = true,
  pageKeys = false,
  defaults,
  className,
}: LogViewerProps): ReactNode {
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
  useHash(model, permalinks);

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
          const active = document.activeElement?.closest<HTMLElement>("[data-seq]");
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
      if (root.current?.contains(event.target as Node)) return;
      keys.handle(event, true);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [keys, pageKeys]);

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
        window.getSelection()?.removeAllRanges();
        model.select({ from: Math.min(before.from, seq), to: Math.max(before.to, seq) });
      } else if (before && before.from === seq && before.to === seq) model.select(null);
      else model.select({ from: seq, to: seq });
      if (permalinks) writeHash(model.getView());
    } else if (act === "toggle") model.toggle(seq);
    else if (act === "group") void model.toggleGroup(seq);
  };

  // Lines under a selection being made must hold still.
  const onPointerDown = () => {
    const onUp = () => {
      document.removeEventListener("pointerup", onUp);
      const selection = window.getSelection();
      if (selection && !selection.isCollapsed && rows.current?.contains(selection.anchorNode))
        model.setFollow(false);
    };
    document.addEventListener("pointerup", onUp);
  };

  const hits = model.find.seqs;
  const { currentSeq } = model.find.state;
  const url = downloadUrl === undefined ? safeLogUrl(hub, executionId) : downloadUrl;
  const firstSeq = view.rows[0]?.seq ?? null;
  const tabSeq = focused !== null && view.rows.some((row) => row.seq === focused) ? focused : firstSeq;
  return (
    <section
      ref={root}
      className={`cops-log${className ? ` ${className}` : ""}`}
      data-full={full || undefined}
      data-wrap={view.settings.wrap || undefined}
      data-numbers={view.settings.numbers || undefined}
      data-time={view.settings.time}
      aria-label={label}
      onKeyDown={(event: KeyboardEvent) => keys.handle(event.nativeEvent, false)}
    >
      <LogTools
        model={model}
        view={view}
        tool={tool}
        onTool={setTool}
        onChange={change}
        downloadUrl={url}
        downloadName={`${executionId}.log`}
        full={full}
        onFull={setFull}
        onClose={keys.closeTool}
      />
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
          onPointerDown={onPointerDown}
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
                  matcher={model.find.matcher}
                  current={drawn.seq === currentSeq}
                  focusable={drawn.seq === tabSeq}
                  here={here}
                />
              ))}
            </div>
          </div>
        </div>
        <LogRail model={model} view={view} hits={hits} />
        <Notices view={view} model={model} />
        {!view.follow && view.newLines > 0 && (
          <button type="button" className="cops-newer" onClick={() => model.setFollow(true)}>
            {formatPlural(view.newLines, "new line")} ↓
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
  );
}

function Notices({ view, model }: { view: LogView; model: LogModel }): ReactNode {
  const { store } = view;
  if (store.error) {
    return (
      <div className="cops-notice" role="alert">
        <span>
          {store.head === 0 ? "The log can't be opened" : "Some lines can't be fetched"}:{" "}
          {store.error.message}
        </span>
        <button type="button" className="cops-button" onClick={() => model.store.retry()}>
          Try again
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
  if (store.opening) return <div className="cops-empty">Opening the log…</div>;
  if (view.rows.length === 0) {
    return (
      <div className="cops-empty">{store.head > 0 ? "No line passes the filters." : "No output yet."}</div>
    );
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

const PROBE = "0".repeat(100);

/** Tells the model how large things are, also when the page's font or zoom changes. */
function useSizes(
  model: LogModel,
  scroller: React.RefObject<HTMLDivElement | null>,
  probe: React.RefObject<HTMLDivElement | null>,
): void {
  useBrowserLayoutEffect(() => {
    const element = scroller.current;
    const sample = probe.current;
    if (!element || !sample) return;
    const measure = () => {
      const text = sample.firstElementChild as HTMLElement;
      const rowHeight = sample.getBoundingClientRect().height || 20;
      const character = text.getBoundingClientRect().width / PROBE.length || 7.5;
      // The text column of a drawn row tells what room is left beside numbers and times.
      const drawn = element.querySelector<HTMLElement>(".cops-row > .cops-text");
      const gutter = drawn
        ? drawn.getBoundingClientRect().left - element.getBoundingClientRect().left + element.scrollLeft
        : 0;
      element.style.setProperty("--cops-gutter", `${Math.ceil(gutter) + 24}px`);
      const room = element.clientWidth - gutter - 24;
      model.setSize(element.clientHeight, rowHeight, Math.max(10, Math.floor(room / character)));
    };
    measure();
    if (typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(sample);
    return () => observer.disconnect();
  }, [model]);
}

/** Puts the element where the view wants it, and tells the model of rows that came out taller or lower. */
function useDrawnHeights(
  model: LogModel,
  view: LogView,
  scroller: React.RefObject<HTMLDivElement | null>,
  rows: React.RefObject<HTMLDivElement | null>,
): void {
  useBrowserLayoutEffect(() => {
    const element = scroller.current;
    if (element && view.scrollTo !== null) {
      element.scrollTop = view.scrollTo;
      model.settled(element.scrollTop);
    }
    if (!rows.current || (!view.settings.wrap && !view.rows.some((row) => row.expanded))) return;
    const heights = new Map<number, number>();
    for (const child of rows.current.children) {
      const seq = Number((child as HTMLElement).dataset.seq);
      const height = Math.round(child.getBoundingClientRect().height);
      if (height > 0) heights.set(seq, height);
    }
    model.measured(heights);
  }, [model, view]);
}

/** The lines in the page's address: shown when it names some, kept up when others are chosen. */
function useHash(model: LogModel, enabled: boolean): void {
  useEffect(() => {
    if (!enabled) return;
    const read = () => {
      const range = parseLineHash(window.location.hash);
      if (!range) return;
      model.select(range);
      model.goTo(range.from);
    };
    read();
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, [model, enabled]);
}

/** The address of this page without its fragment; whole, because a page may have a <base> that leads elsewhere. */
function hereNow(): string {
  return window.location.pathname + window.location.search;
}

function writeHash(view: LogView): void {
  const hash = view.selection ? formatLineHash(view.selection) : "";
  window.history.replaceState(window.history.state, "", hereNow() + hash);
}

function storage(): Storage | null {
  try {
    return typeof window === "undefined" ? null : window.localStorage;
  } catch {
    return null;
  }
}

function safeLogUrl(hub: ReturnType<typeof useHub>, executionId: string): string | null {
  if (typeof window === "undefined") return null;
  return hub.api.executions.logUrl(executionId);
}
