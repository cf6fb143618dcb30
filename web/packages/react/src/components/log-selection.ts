import {
  isCollapsed,
  LINE_END,
  type LogModel,
  selectedOf,
  type TextPoint,
  type TextSelection,
  wordAt,
} from "@claudeops/model";
import { documentOf, windowOf } from "../surroundings.js";

const NAME = "cops-selection";
/** Pixels the pointer moves before a press becomes a selection. */
const SLACK = 3;

/**
 * Selecting text with a mouse. The selection belongs to the model, from line and column to line and
 * column, so that it may reach far beyond what is drawn; the browser's own is not used. It is drawn
 * with the Custom Highlight API over the rows that are there.
 */
export class LogSelection {
  readonly #model: LogModel;
  readonly #scroller: HTMLElement;
  readonly #rows: HTMLElement;
  #ranges: Range[] = [];
  #pointer: { x: number; y: number } | null = null;
  #pressed: {
    x: number;
    y: number;
    wasFollowing: boolean;
    unit: "character" | "word" | "line";
    start: TextSelection;
  } | null = null;
  #frame = 0;
  #moved = false;

  constructor(model: LogModel, scroller: HTMLElement, rows: HTMLElement) {
    this.#model = model;
    this.#scroller = scroller;
    this.#rows = rows;
  }

  /** Listens; gives what ends it. */
  attach(): () => void {
    const scroller = this.#scroller;
    const page = documentOf(scroller);
    const down = (event: MouseEvent) => this.#down(event);
    scroller.addEventListener("mousedown", down);
    const move = (event: MouseEvent) => this.#move(event);
    const up = () => this.#up();
    page.addEventListener("mousemove", move);
    page.addEventListener("mouseup", up);
    return () => {
      scroller.removeEventListener("mousedown", down);
      page.removeEventListener("mousemove", move);
      page.removeEventListener("mouseup", up);
      windowOf(scroller).cancelAnimationFrame(this.#frame);
      this.#undraw();
    };
  }

  #down(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    if (event.button !== 0 || target.closest("button, input, textarea, select, [data-act]")) return;
    const bounds = this.#scroller.getBoundingClientRect();
    if (event.clientX - bounds.left >= this.#scroller.clientWidth) return; // on the scroll bar
    if (event.clientY - bounds.top >= this.#scroller.clientHeight) return;
    const point = this.#pointAt(event.clientX, event.clientY);
    if (!point) return;
    event.preventDefault();
    windowOf(this.#scroller).getSelection()?.removeAllRanges();
    const row = target.closest<HTMLElement>("[data-seq]");
    (row ?? this.#scroller).focus({ preventScroll: true });
    const before = this.#model.textSelection;
    const wasFollowing = this.#model.getView().follow;
    if (wasFollowing) this.#model.setFollow(false);
    const unit = event.detail >= 3 ? "line" : event.detail === 2 ? "word" : "character";
    const start =
      event.shiftKey && before ? { anchor: before.anchor, focus: point } : this.#widen(point, unit);
    this.#pressed = { x: event.clientX, y: event.clientY, wasFollowing, unit, start };
    this.#pointer = { x: event.clientX, y: event.clientY };
    this.#moved = event.shiftKey || unit !== "character";
    if (this.#moved) this.#model.selectText(start);
  }

  #move(event: MouseEvent): void {
    const pressed = this.#pressed;
    if (!pressed) return;
    if ((event.buttons & 1) === 0) {
      this.#up();
      return;
    }
    this.#pointer = { x: event.clientX, y: event.clientY };
    const far = Math.abs(event.clientX - pressed.x) + Math.abs(event.clientY - pressed.y) > SLACK;
    if (!far && !this.#moved) return;
    this.#moved = true;
    this.extend();
    if (this.#frame === 0) this.#frame = windowOf(this.#scroller).requestAnimationFrame(this.#drag);
  }

  /** Scrolls while the pointer is beyond the edge. */
  readonly #drag = (): void => {
    this.#frame = 0;
    if (!this.#pressed || !this.#pointer) return;
    const bounds = this.#scroller.getBoundingClientRect();
    const over = Math.max(0, this.#pointer.y - bounds.bottom) - Math.max(0, bounds.top - this.#pointer.y);
    const aside = Math.max(0, this.#pointer.x - bounds.right) - Math.max(0, bounds.left - this.#pointer.x);
    if (over === 0 && aside === 0) return;
    if (over !== 0) this.#model.moveBy(Math.sign(over) * Math.min(2000, 4 + over * over * 0.05));
    if (aside !== 0) this.#scroller.scrollLeft += aside / 4;
    if (this.#model.getView().follow) this.#model.setFollow(false);
    this.extend();
    this.#frame = windowOf(this.#scroller).requestAnimationFrame(this.#drag);
  };

  #up(): void {
    const pressed = this.#pressed;
    if (!pressed) return;
    this.#pressed = null;
    this.#pointer = null;
    const selection = this.#model.textSelection;
    if (this.#moved && selection && !isCollapsed(selection)) return;
    this.#model.selectText(null);
    if (pressed.wasFollowing) this.#model.setFollow(true);
  }

  /** The pointer stands still but lines have moved under it: the wheel while dragging. */
  extend(): void {
    const pressed = this.#pressed;
    if (!pressed || !this.#pointer) return;
    if (!this.#moved) return;
    const point = this.#pointAt(this.#pointer.x, this.#pointer.y);
    if (!point) return;
    const { anchor, focus } = pressed.start;
    if (pressed.unit === "character") {
      this.#model.selectText({ anchor, focus: point });
      return;
    }
    const here = this.#widen(point, pressed.unit);
    const forward = point.seq > anchor.seq || (point.seq === anchor.seq && point.column >= anchor.column);
    this.#model.selectText(forward ? { anchor, focus: here.focus } : { anchor: focus, focus: here.anchor });
  }

  #widen(point: TextPoint, unit: "character" | "word" | "line"): TextSelection {
    if (unit === "character") return { anchor: point, focus: point };
    const text = this.#model.row(point.seq)?.text ?? "";
    const [from, to] = unit === "line" ? [0, LINE_END] : wordAt(text, point.column);
    return { anchor: { seq: point.seq, column: from }, focus: { seq: point.seq, column: to } };
  }

  /** The line and column under a place on the screen; the nearest where there is none. */
  #pointAt(x: number, y: number): TextPoint | null {
    const bounds = this.#scroller.getBoundingClientRect();
    const top = Math.max(bounds.top, 0) + 1;
    const within = Math.min(Math.max(y, top), bounds.top + this.#scroller.clientHeight - 1);
    let found: HTMLElement | null = null;
    for (const child of this.#rows.children) {
      const row = child as HTMLElement;
      if (row.dataset.seq === undefined) continue;
      const rect = row.getBoundingClientRect();
      if (rect.top > within) break;
      found = row;
    }
    found ??= this.#rows.querySelector<HTMLElement>("[data-seq]");
    if (!found) return null;
    const seq = Number(found.dataset.seq);
    const line = found.querySelector<HTMLElement>(".cops-line");
    if (!line) return { seq, column: 0 };
    const text = line.getBoundingClientRect();
    if (x <= text.left || y < found.getBoundingClientRect().top)
      return { seq, column: y > within ? LINE_END : 0 };
    const caret = caretAt(documentOf(line), x, within);
    if (caret && line.contains(caret.node)) return { seq, column: offsetIn(line, caret.node, caret.offset) };
    return { seq, column: LINE_END };
  }

  /** Draws what is selected of the rows that are there. */
  draw(): void {
    this.#undraw();
    const selection = this.#model.textSelection;
    const highlight = highlightOf(this.#scroller);
    if (!selection || !highlight) return;
    for (const child of this.#rows.children) {
      const row = child as HTMLElement;
      const line = row.querySelector<HTMLElement>(".cops-line");
      if (!line || row.dataset.seq === undefined) continue;
      const length = line.textContent?.length ?? 0;
      const part = selectedOf(selection, Number(row.dataset.seq), length);
      if (!part) continue;
      const range = rangeIn(line, part[0], part[1]);
      this.#ranges.push(range);
      highlight.add(range);
    }
  }

  #undraw(): void {
    const highlight = highlightOf(this.#scroller);
    for (const range of this.#ranges) highlight?.delete(range);
    this.#ranges = [];
  }
}

/** One highlight for all viewers of a page: the stylesheet knows its name. */
function highlightOf(element: HTMLElement): Highlight | null {
  const view = windowOf(element) as Window & typeof globalThis;
  const registry = (view.CSS as typeof CSS | undefined)?.highlights as Map<string, Highlight> | undefined;
  if (!registry || typeof view.Highlight !== "function") return null;
  let highlight = registry.get(NAME);
  if (!highlight) {
    highlight = new view.Highlight();
    registry.set(NAME, highlight);
  }
  return highlight;
}

function caretAt(page: Document, x: number, y: number): { node: Node; offset: number } | null {
  const { caretPositionFromPoint } = page as Document & {
    caretPositionFromPoint?(x: number, y: number): { offsetNode: Node; offset: number } | null;
  };
  if (caretPositionFromPoint) {
    const position = caretPositionFromPoint.call(page, x, y);
    return position && { node: position.offsetNode, offset: position.offset };
  }
  const range = page.caretRangeFromPoint?.(x, y);
  return range ? { node: range.startContainer, offset: range.startOffset } : null;
}

/** Where a place in the nodes of a line lies in its text. */
function offsetIn(line: HTMLElement, node: Node, offset: number): number {
  const range = documentOf(line).createRange();
  range.setStart(line, 0);
  range.setEnd(node, offset);
  return range.toString().length;
}

function rangeIn(line: HTMLElement, from: number, to: number): Range {
  const page = documentOf(line);
  const range = page.createRange();
  const texts = page.createTreeWalker(line, 4 /* NodeFilter.SHOW_TEXT */);
  let at = 0;
  range.selectNodeContents(line);
  let started = false;
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const length = node.nodeValue?.length ?? 0;
    if (!started && from <= at + length) {
      range.setStart(node, from - at);
      started = true;
    }
    if (to <= at + length) {
      range.setEnd(node, to - at);
      break;
    }
    at += length;
  }
  return range;
}
