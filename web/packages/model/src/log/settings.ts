import type { TimeMode } from "../format.js";
import type { Level, Stream } from "./event.js";
import type { FindQuery } from "./query.js";
import type { Row } from "./rows.js";

/** How a reader likes to see logs. Remembered by the viewer. */
export interface LogSettings {
  readonly time: TimeMode;
  readonly wrap: boolean;
  readonly numbers: boolean;
  /** The least level shown. */
  readonly level: Level;
  readonly stream: "all" | Stream;
  /** Only lines with this are shown; null for all. */
  readonly only: FindQuery | null;
  /** Whether progress and cost are shown as lines. */
  readonly progress: boolean;
}

export const DEFAULT_SETTINGS: LogSettings = {
  time: "local",
  wrap: false,
  numbers: true,
  level: "debug",
  stream: "all",
  only: null,
  progress: false,
};

const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function isFiltering(settings: LogSettings): boolean {
  return settings.level !== "debug" || settings.stream !== "all" || settings.only !== null;
}

/** Whether a row is shown with these settings; `passes` says whether its text has what `settings.only` asks for. */
export function isShown(row: Row, settings: LogSettings, passes: () => boolean): boolean {
  if (row.joins !== null || row.groupEnd) return false;
  if (row.kind === "mark") return true;
  if (row.kind === "note") {
    if (row.text === "" || isFiltering(settings)) return false;
    return settings.progress || (row.type !== "execution:progress" && row.type !== "execution:cost");
  }
  if (RANK[row.level] < RANK[settings.level]) return false;
  if (settings.stream !== "all" && row.stream !== settings.stream) return false;
  return settings.only === null || passes();
}

const KEY = "claudeops.log";

/** Reads remembered settings; whatever is not understood is the default. */
export function loadSettings(storage: Storage | null, fallback: LogSettings = DEFAULT_SETTINGS): LogSettings {
  try {
    const stored: unknown = JSON.parse(storage?.getItem(KEY) ?? "null");
    if (typeof stored !== "object" || stored === null) return fallback;
    const value = stored as Record<string, unknown>;
    const oneOf = <T extends string>(name: string, known: readonly T[], otherwise: T): T =>
      known.includes(value[name] as T) ? (value[name] as T) : otherwise;
    const flag = (name: string, otherwise: boolean) =>
      typeof value[name] === "boolean" ? (value[name] as boolean) : otherwise;
    return {
      time: oneOf("time", ["off", "relative", "local", "utc"], fallback.time),
      wrap: flag("wrap", fallback.wrap),
      numbers: flag("numbers", fallback.numbers),
      level: oneOf("level", ["debug", "info", "warn", "error"], fallback.level),
      stream: oneOf("stream", ["all", "stdout", "stderr", "agent"], fallback.stream),
      only: fallback.only,
      progress: flag("progress", fallback.progress),
    };
  } catch {
    return fallback;
  }
}

/** Remembers settings. Filters are left out: a reader who comes back must not miss lines unawares. */
export function saveSettings(storage: Storage | null, settings: LogSettings): void {
  const { level: _level, stream: _stream, only: _only, ...kept } = settings;
  try {
    storage?.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Storage may be full or forbidden; then nothing is remembered.
  }
}
