import type { LogModel, LogSettings, TimeMode } from "@claudeops/model";

const TIMES: readonly TimeMode[] = ["local", "utc", "relative", "off"];

/** What keys do in a log. */
export const LOG_SHORTCUTS: readonly { readonly keys: string; readonly does: string }[] = [
  { keys: "f", does: "Follow the end" },
  { keys: "/", does: "Find" },
  { keys: "n", does: "Next hit" },
  { keys: "N", does: "Previous hit" },
  { keys: "w", does: "Wrap long lines" },
  { keys: "t", does: "Time: local, UTC, relative, off" },
  { keys: ":", does: "Go to a line" },
  { keys: "G", does: "Go to the end" },
  { keys: "g g", does: "Go to the start" },
  { keys: "j", does: "Next line" },
  { keys: "k", does: "Previous line" },
  { keys: "Enter", does: "Open a line's details" },
];

export interface LogKeysOptions {
  readonly model: LogModel;
  change(settings: Partial<LogSettings>): void;
  focusRow(seq: number): void;
  focusedRow(): number | null;
  openTool(tool: "find" | "goto"): void;
  closeTool(): void;
  leaveFull(): void;
}

/** The keyboard of a log viewer. */
export class LogKeys {
  readonly #options: LogKeysOptions;
  #gAt = Number.NEGATIVE_INFINITY;

  constructor(options: LogKeysOptions) {
    this.#options = options;
  }

  readonly closeTool = (): void => this.#options.closeTool();

  /** `global`: the focus is somewhere else on the page, so keys that scroll or move the focus are left alone. */
  handle(event: KeyboardEvent, global: boolean): void {
    if (event.defaultPrevented || event.altKey) return;
    const target = event.target as HTMLElement | null;
    if (this.#takes(event, target, global)) event.preventDefault();
  }

  #takes(event: KeyboardEvent, target: HTMLElement | null, global: boolean): boolean {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f" && !event.shiftKey) {
      this.#options.openTool("find");
      return true;
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && !event.shiftKey && !global) {
      if (target?.closest("input, textarea, select, [contenteditable=true]")) return false;
      this.#options.model.setFollow(false);
      this.#options.model.selectAll();
      return true;
    }
    const typing = Boolean(target?.closest("input, textarea, select, [contenteditable=true]"));
    if (event.ctrlKey || event.metaKey || typing) return false;
    if (global && target?.closest("[role=dialog], [role=menu], [role=listbox]")) return false;
    return this.#command(event, global) || (!global && this.#movement(event, target));
  }

  #command(event: KeyboardEvent, global: boolean): boolean {
    const { model, change, openTool, leaveFull } = this.#options;
    switch (event.key) {
      case "f":
        model.setFollow(!model.getView().follow);
        return true;
      case "/":
        openTool("find");
        return true;
      case "n":
      case "N":
        if (model.find.state.total === 0) return false;
        this.step(event.key === "n" ? 1 : -1);
        return true;
      case "w":
        change({ wrap: !model.getView().settings.wrap });
        return true;
      case "t": {
        const { time } = model.getView().settings;
        change({ time: TIMES[(TIMES.indexOf(time) + 1) % TIMES.length] as TimeMode });
        return true;
      }
      case ":":
        openTool("goto");
        return true;
      case "G":
        model.setFollow(true);
        return true;
      case "g":
        if (event.timeStamp - this.#gAt < 800) {
          this.#gAt = Number.NEGATIVE_INFINITY;
          model.toStart();
        } else this.#gAt = event.timeStamp;
        // On a page that has keys of its own, g may begin one of those.
        return !global;
      case "Escape":
        if (model.textSelection) model.selectText(null);
        else if (model.getView().selection) model.select(null);
        leaveFull();
        return false;
      default:
        return false;
    }
  }

  #movement(event: KeyboardEvent, target: HTMLElement | null): boolean {
    const { model, focusedRow } = this.#options;
    switch (event.key) {
      case "j":
      case "ArrowDown":
        this.#move(1);
        return true;
      case "k":
      case "ArrowUp":
        this.#move(-1);
        return true;
      case "PageDown":
        model.moveBy(model.pageStep);
        return true;
      case "PageUp":
        model.moveBy(-model.pageStep);
        return true;
      case " ":
        if (target?.closest("button, a")) return false;
        model.moveBy(event.shiftKey ? -model.pageStep : model.pageStep);
        return true;
      case "Home":
        model.toStart();
        return true;
      case "End":
        model.setFollow(true);
        return true;
      case "Enter": {
        const seq = focusedRow();
        if (seq === null || target?.closest("button, a")) return false;
        if (model.row(seq)?.groupStart) void model.toggleGroup(seq);
        else model.toggle(seq);
        return true;
      }
      default:
        return false;
    }
  }

  /** Goes to the next or previous hit. */
  step(direction: 1 | -1): void {
    const { model } = this.#options;
    void model.find.step(direction).then((seq) => {
      if (seq !== null) model.goTo(seq);
    });
  }

  #move(direction: 1 | -1): void {
    const { model } = this.#options;
    const from = this.#options.focusedRow();
    const seq =
      from === null ? (direction === 1 ? model.topSeq : model.bottomSeq) : model.neighbour(from, direction);
    if (seq !== null) this.#options.focusRow(seq);
  }
}
