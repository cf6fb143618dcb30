import type { Heights } from "./heights.js";

/**
 * Browsers stop at about 17 (Firefox) to 33 million pixels; well below it, the scrolled element
 * stays cheap to lay out. Six million pixels are 300,000 rows seen one to one.
 */
export const SPACER_LIMIT = 6_000_000;

/** A single scroll event longer than this is a jump, not a gesture. */
const JUMP = SPACER_LIMIT / 8;

/**
 * Where one stands in a log that may be far taller than any element can be. The truth is an anchor:
 * a row, and how far into it the top edge lies; rows above may change their height without anything
 * moving under the reader. The scrolled element is only an instrument: its movements are taken as
 * true pixels, and its position is put right when it rests.
 *
 * Up to SPACER_LIMIT the element is as tall as the log. Beyond, its first and last quarter are one
 * to one, so both ends are reached exactly, and what lies between is compressed.
 */
export class Viewport {
  readonly heights: Heights;
  /** What is seen of it, in pixels. */
  height = 0;
  /** scrollTop of the element as last heard or set. */
  top = 0;
  #row = 0;
  #offset = 0;

  constructor(heights: Heights) {
    this.heights = heights;
  }

  /** Height the scrolled element must have. */
  get spacer(): number {
    return Math.min(this.heights.total, SPACER_LIMIT);
  }

  /** The true pixel at the top edge. */
  get position(): number {
    return Math.min(
      this.maxPosition,
      this.heights.top(this.#row) + Math.min(this.#offset, this.heights.heightOf(this.#row)),
    );
  }

  get maxPosition(): number {
    return Math.max(0, this.heights.total - this.height);
  }

  get atEnd(): boolean {
    return this.position >= this.maxPosition - 1;
  }

  /** The row at the top edge. */
  get row(): number {
    return this.heights.at(this.position).row;
  }

  /** The element has moved by itself: wheel, finger, keys, a dragged selection. */
  scrolled(scrollTop: number): void {
    const delta = scrollTop - this.top;
    this.top = scrollTop;
    if (Math.abs(delta) > JUMP) this.moveTo(this.fromTop(scrollTop));
    else if (delta !== 0) this.moveTo(this.position + delta);
  }

  moveTo(position: number): void {
    const { row, offset } = this.heights.at(Math.min(Math.max(0, position), this.maxPosition));
    this.#row = row;
    this.#offset = offset;
  }

  moveBy(pixels: number): void {
    this.moveTo(this.position + pixels);
  }

  toEnd(): void {
    this.moveTo(this.maxPosition);
  }

  /** Brings a row into sight: at the top, in the middle, or with as little movement as will do. */
  reveal(row: number, where: "top" | "middle" | "nearest"): void {
    const top = this.heights.top(row);
    const height = this.heights.heightOf(row);
    if (where === "top") this.moveTo(top);
    else if (where === "middle") this.moveTo(top - Math.max(0, Math.floor((this.height - height) / 2)));
    else {
      const position = this.position;
      if (top < position) this.moveTo(top);
      else if (top + height > position + this.height) this.moveTo(top + height - this.height);
    }
  }

  /** Where the element should stand for where we stand. */
  get wantedTop(): number {
    return this.toTop(this.position);
  }

  /**
   * Whether the element must be put right at once: it is about to hit an end that is not ours, or
   * stands still at one that is. Otherwise that can wait until the movement is over.
   */
  get mustSync(): boolean {
    const wanted = this.wantedTop;
    if (Math.abs(wanted - this.top) < 1) return false;
    const maxTop = Math.max(0, this.spacer - this.height);
    const near = this.height;
    return this.top < near || this.top > maxTop - near || wanted <= 0 || wanted >= maxTop;
  }

  /** The rows to draw, and where the first one begins in the element's own pixels. */
  window(overscan: number): { first: number; last: number; y: number } {
    const position = this.position;
    const first = this.heights.at(position - overscan).row;
    const last = this.heights.count === 0 ? -1 : this.heights.at(position + this.height + overscan).row;
    return { first, last, y: this.top + this.heights.top(first) - position };
  }

  toTop(position: number): number {
    const maxPosition = this.maxPosition;
    const maxTop = Math.max(0, this.spacer - this.height);
    if (this.heights.total <= SPACER_LIMIT) return position;
    const zone = maxTop / 4;
    if (position <= zone) return position;
    if (position >= maxPosition - zone) return maxTop - (maxPosition - position);
    return zone + ((position - zone) * (maxTop - 2 * zone)) / (maxPosition - 2 * zone);
  }

  fromTop(top: number): number {
    const maxPosition = this.maxPosition;
    const maxTop = Math.max(0, this.spacer - this.height);
    if (this.heights.total <= SPACER_LIMIT) return top;
    const zone = maxTop / 4;
    if (top <= zone) return top;
    if (top >= maxTop - zone) return maxPosition - (maxTop - top);
    return zone + ((top - zone) * (maxPosition - 2 * zone)) / (maxTop - 2 * zone);
  }
}
