import type { TextRange } from "./marks.js";
import type { LineRange } from "./permalink.js";
import type { Row } from "./rows.js";
import type { TextSelection } from "./selection.js";
import type { LogSettings } from "./settings.js";
import type { LogState } from "./store.js";

/** One row to draw. */
export interface DrawnRow {
  readonly seq: number;
  /** null while its event is not here. */
  readonly row: Row | null;
  readonly version: number;
  readonly expanded: boolean;
  /** The group that begins here is folded away. */
  readonly folded: boolean;
  readonly selected: boolean;
  /** What is found in it. */
  readonly ranges: readonly TextRange[];
}

/** Everything a viewer draws. A change is a new object. */
export interface LogView {
  readonly rows: readonly DrawnRow[];
  /** Where the first row begins inside the scrolled element. */
  readonly y: number;
  /** Height of the scrolled element. */
  readonly spacer: number;
  /** Where the scrolled element should stand, when it must be moved. */
  readonly scrollTo: number | null;
  readonly store: LogState;
  readonly settings: LogSettings;
  readonly follow: boolean;
  /** Lines that came since following was paused. */
  readonly newLines: number;
  /** Share of the log above, and share of it in sight. */
  readonly start: number;
  readonly share: number;
  readonly selection: LineRange | null;
  readonly text: TextSelection | null;
  /** Widest line seen, in columns. */
  readonly columns: number;
  /** Filters have hidden so much that looking on waits for a word. */
  readonly scanPaused: boolean;
  /** When relative times count from. */
  readonly origin: number;
  readonly version: number;
}
