"use client";

import {
  type FindQuery,
  formatCount,
  formatLineHash,
  formatPlural,
  type Level,
  type LogModel,
  type LogSettings,
  type LogView,
  parseLineInput,
  type Stream,
  type TimeMode,
} from "@claudeops/model";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { LogDownload } from "./log-download.js";
import { useLogTexts } from "./log-texts.js";
import { Menu, MenuItem, MenuLine } from "./menu.js";
import type { LogCopy } from "./use-log-copy.js";

export interface LogToolsProps {
  readonly model: LogModel;
  readonly view: LogView;
  readonly tool: "find" | "goto" | null;
  onTool(tool: "find" | "goto" | null): void;
  onChange(settings: Partial<LogSettings>): void;
  onClose(): void;
  readonly download: LogDownload | null;
  readonly full: boolean;
  onFull(full: boolean): void;
  readonly copying: LogCopy;
}

/** What one can do with a log, in one line. */
export function LogTools({
  model,
  view,
  tool,
  onTool,
  onChange,
  onClose,
  download,
  full,
  onFull,
  copying,
}: LogToolsProps): ReactNode {
  const { settings, selection } = view;
  const texts = useLogTexts();
  return (
    <div className="cops-log-tools" role="toolbar" aria-label="Log view" data-tool={tool ?? undefined}>
      <div className="cops-tools-main">
        <button
          type="button"
          className="cops-tool"
          aria-pressed={view.follow}
          onClick={() => model.setFollow(!view.follow)}
        >
          {texts.follow}
        </button>
        <button
          type="button"
          className="cops-tool"
          aria-pressed={settings.wrap}
          onClick={() => onChange({ wrap: !settings.wrap })}
        >
          {texts.wrap}
        </button>
        <Choice<TimeMode>
          label="Time"
          value={settings.time}
          choices={[
            ["local", "Local time"],
            ["utc", "UTC"],
            ["relative", "Since start"],
            ["off", "No time"],
          ]}
          onChange={(time) => onChange({ time })}
        />
        <Choice<Level>
          label="Level"
          value={settings.level}
          choices={[
            ["debug", "All levels"],
            ["info", "Info and up"],
            ["warn", "Warnings"],
            ["error", "Errors"],
          ]}
          lit={settings.level !== "debug"}
          onChange={(level) => onChange({ level })}
        />
        <Choice<"all" | Stream>
          label="Stream"
          value={settings.stream}
          choices={[
            ["all", "All streams"],
            ["stdout", "stdout"],
            ["stderr", "stderr"],
            ["agent", "agent"],
          ]}
          lit={settings.stream !== "all"}
          onChange={(stream) => onChange({ stream })}
        />
        <Menu label="More" button="⋯">
          <MenuItem keys=":" onSelect={() => onTool("goto")}>
            {texts.goToLine}
          </MenuItem>
          <MenuItem checked={settings.numbers} onSelect={() => onChange({ numbers: !settings.numbers })}>
            {texts.lineNumbers}
          </MenuItem>
          <MenuItem checked={settings.progress} onSelect={() => onChange({ progress: !settings.progress })}>
            {texts.progressAsLines}
          </MenuItem>
          <MenuLine />
          <MenuItem onSelect={copying.copy}>{selection ? texts.copySelection : texts.copyAll}</MenuItem>
          <MenuItem
            disabled={!selection}
            onSelect={() =>
              selection &&
              copying.copyWords(
                `${location.origin}${location.pathname}${location.search}${formatLineHash(selection)}`,
                "Link copied",
              )
            }
          >
            {texts.copyLink}
          </MenuItem>
          {download && (
            <MenuItem href={download.href} download={download.name} onSelect={download.start}>
              {texts.download}
            </MenuItem>
          )}
          <MenuLine />
          <MenuItem onSelect={() => onFull(!full)}>
            {full ? texts.leaveFullScreen : texts.fullScreen}
          </MenuItem>
        </Menu>
        {selection && (
          <span className="cops-picked">
            <span>
              {selection.from === selection.to
                ? `Line ${formatCount(selection.from)}`
                : `${formatPlural(selection.to - selection.from + 1, "line")}`}
            </span>
            <button type="button" className="cops-tool" onClick={copying.copy}>
              Copy
            </button>
            <button
              type="button"
              className="cops-tool"
              aria-label="Clear selection"
              onClick={() => model.select(null)}
            >
              ✕
            </button>
          </span>
        )}
        <span className="cops-said" role="status">
          {copying.said ?? download?.said}
        </span>
        {copying.waits && (
          <button type="button" className="cops-tool" onClick={copying.copy}>
            {texts.copyNow}
          </button>
        )}
        <button
          type="button"
          className="cops-tool cops-find-open"
          aria-label="Find"
          onClick={() => onTool("find")}
        >
          <FindSign />
        </button>
      </div>
      {tool === "goto" ? (
        <GoTo model={model} view={view} onClose={() => onTool(null)} />
      ) : (
        <FindBar
          model={model}
          only={settings.only !== null}
          onOnly={(only) => onChange({ only })}
          open={tool === "find"}
          onOpen={() => onTool("find")}
          onClose={onClose}
        />
      )}
    </div>
  );
}

function Choice<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly choices: readonly (readonly [T, string])[];
  readonly lit?: boolean;
  onChange(value: T): void;
}): ReactNode {
  const word = props.choices.find(([value]) => value === props.value)?.[1] ?? "";
  return (
    <label className="cops-choice" data-lit={props.lit || undefined}>
      <span aria-hidden="true">
        {word} <i>▾</i>
      </span>
      <select
        aria-label={props.label}
        value={props.value}
        onChange={(event) => props.onChange(event.target.value as T)}
      >
        {props.choices.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function FindSign(): ReactNode {
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="m9.3 9.3 3.2 3.2" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
    </svg>
  );
}

export function FindBar({
  model,
  only,
  onOnly,
  open,
  onOpen,
  onClose,
}: {
  model: LogModel;
  /** Lines without a hit are left out. */
  only: boolean;
  /** Absent where lines without a hit can't be left out. */
  onOnly?(query: FindQuery | null): void;
  open: boolean;
  onOpen(): void;
  onClose(): void;
}): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState<FindQuery>({ text: "", regex: false, caseSensitive: false });
  const filter = useRef({ only, onOnly });
  filter.current = { only, onOnly };
  const state = model.find.state;
  const found = model.find.seqs.length;

  useEffect(() => {
    if (!open) return;
    input.current?.focus();
    input.current?.select();
  }, [open]);

  // Typing pauses before the whole log is searched.
  useEffect(() => {
    if (query.text === "") {
      model.find.clear();
      if (filter.current.only) filter.current.onOnly?.(null);
      return;
    }
    const timer = setTimeout(() => {
      if (filter.current.only) filter.current.onOnly?.(query);
      void model.find.search(query, model.topSeq).then((seq) => {
        if (seq !== null) model.goTo(seq);
      });
    }, 180);
    return () => clearTimeout(timer);
  }, [model, query]);

  const step = (direction: 1 | -1) => {
    void model.find.step(direction).then((seq) => {
      if (seq !== null) model.goTo(seq);
    });
  };
  const close = () => {
    setQuery({ ...query, text: "" });
    onClose();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: search is too young an element for React 18
    <div
      className="cops-find"
      role="search"
      data-open={open || query.text !== "" || undefined}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        close();
      }}
    >
      <input
        ref={input}
        type="text"
        inputMode="search"
        autoComplete="off"
        autoCorrect="off"
        spellCheck={false}
        aria-label="Find in the whole log"
        placeholder="Find in the whole log"
        value={query.text}
        onFocus={onOpen}
        onChange={(event) => setQuery({ ...query, text: event.target.value })}
        onKeyDown={(event: KeyboardEvent) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          step(event.shiftKey ? -1 : 1);
        }}
      />
      <span className="cops-find-count" role="status">
        {findWords(state.status, state.total, state.current, found, state.scannedTo)}
      </span>
      {state.error !== null && (
        <span className="cops-find-error" role="alert">
          {state.error}
        </span>
      )}
      <button
        type="button"
        className="cops-mini"
        aria-pressed={query.caseSensitive}
        aria-label="Match case"
        title="Match case"
        onClick={() => setQuery({ ...query, caseSensitive: !query.caseSensitive })}
      >
        Aa
      </button>
      <button
        type="button"
        className="cops-mini"
        aria-pressed={query.regex}
        aria-label="Regular expression"
        title="Regular expression"
        onClick={() => setQuery({ ...query, regex: !query.regex })}
      >
        .*
      </button>
      {onOnly && (
        <button
          type="button"
          className="cops-mini"
          aria-pressed={only}
          aria-label="Only lines with it"
          title="Only lines with it"
          disabled={query.text === ""}
          onClick={() => onOnly(only ? null : query)}
        >
          <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
            <path
              d="M1 2.5h10M3 6h6M4.8 9.5h2.4"
              stroke="currentColor"
              strokeWidth="1.5"
              strokeLinecap="round"
            />
          </svg>
        </button>
      )}
      <button
        type="button"
        className="cops-mini"
        aria-label="Previous hit"
        disabled={found === 0}
        onClick={() => step(-1)}
      >
        ↑
      </button>
      <button
        type="button"
        className="cops-mini"
        aria-label="Next hit"
        disabled={found === 0}
        onClick={() => step(1)}
      >
        ↓
      </button>
      <button type="button" className="cops-mini cops-find-close" aria-label="Close find" onClick={close}>
        ✕
      </button>
    </div>
  );
}

function findWords(
  status: string,
  total: number,
  current: number,
  found: number,
  scannedTo: number | null,
): string {
  if (status === "idle") return "";
  if (status === "failed") return "failed";
  const place = current >= 0 ? `${formatCount(current + 1)} of ` : "";
  if (status === "searching")
    return scannedTo === null
      ? `${place}${formatCount(total)}…`
      : `${place}${formatCount(total)}, line ${formatCount(scannedTo)}…`;
  if (total === 0) return "none";
  return `${place}${formatCount(total)}${found < total ? ` (first ${formatCount(found)} marked)` : ""}`;
}

function GoTo({ model, view, onClose }: { model: LogModel; view: LogView; onClose(): void }): ReactNode {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <form
      className="cops-find"
      data-open
      onSubmit={(event) => {
        event.preventDefault();
        const range = parseLineInput(text, view.store.head);
        if (!range) {
          setWrong(true);
          return;
        }
        model.select(range);
        model.goTo(range.from);
        onClose();
      }}
    >
      <input
        ref={input}
        type="text"
        inputMode="text"
        autoComplete="off"
        aria-label={`Go to line, 1 to ${view.store.head}`}
        aria-invalid={wrong || undefined}
        placeholder={`Line 1 to ${formatCount(view.store.head)}, or 50%`}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          onClose();
        }}
      />
      {wrong && (
        <span className="cops-find-count" role="alert">
          not a line
        </span>
      )}
      <button type="submit" className="cops-mini">
        Go
      </button>
      <button type="button" className="cops-mini" aria-label="Close" onClick={onClose}>
        ✕
      </button>
    </form>
  );
}
