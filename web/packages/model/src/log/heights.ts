/**
 * How tall every row is, for millions of rows of which few are known. Rows come in pages: a page
 * never seen counts as rows of the usual height, a page that was seen counts as what it measured,
 * also after its rows were let go. Positions are whole pixels; everything is O(log pages).
 */
export class Heights {
  readonly pageSize: number;
  #rowHeight: number;
  #count = 0;
  /** Height of each page; index is the page. */
  #pages: Float64Array = new Float64Array(64);
  /** Fenwick tree over #pages, one-based. */
  #tree: Float64Array = new Float64Array(65);
  #pageCount = 0;
  #total = 0;
  readonly #rows = new Map<number, readonly number[]>();
  /** Heights that were measured and whose rows are gone: page → height of its first n rows. */
  readonly #remembered = new Map<number, { rows: number; height: number }>();

  constructor(pageSize: number, rowHeight: number) {
    this.pageSize = pageSize;
    this.#rowHeight = rowHeight;
  }

  get count(): number {
    return this.#count;
  }

  get rowHeight(): number {
    return this.#rowHeight;
  }

  /** All rows together, in pixels. */
  get total(): number {
    return this.#total;
  }

  /** Forgets everything that was measured, as when wrapping is switched or the width changes. */
  reset(rowHeight: number = this.#rowHeight): void {
    const count = this.#count;
    this.#rowHeight = rowHeight;
    this.#rows.clear();
    this.#remembered.clear();
    this.#pages.fill(0);
    this.#tree.fill(0);
    this.#count = 0;
    this.#pageCount = 0;
    this.#total = 0;
    this.resize(count);
  }

  /** Sets how many rows there are. */
  resize(count: number): void {
    if (count === this.#count) return;
    if (count < this.#count) {
      this.#count = count;
      const rowHeight = this.#rowHeight;
      for (const page of this.#rows.keys()) if (page * this.pageSize >= count) this.#rows.delete(page);
      for (const page of this.#remembered.keys())
        if (page * this.pageSize >= count) this.#remembered.delete(page);
      const pages = Math.ceil(count / this.pageSize);
      for (let page = 0; page < this.#pageCount; page++)
        this.#pages[page] = page < pages ? this.#heightOfPage(page, rowHeight) : 0;
      this.#pageCount = pages;
      this.#rebuild();
      return;
    }
    const firstChanged = Math.max(0, this.#pageCount - 1);
    this.#count = count;
    const pages = Math.ceil(count / this.pageSize);
    const grown = pages - this.#pageCount;
    if (pages > this.#pages.length) {
      const larger = new Float64Array(Math.max(pages, this.#pages.length * 2));
      larger.set(this.#pages.subarray(0, this.#pageCount));
      this.#pages = larger;
      this.#tree = new Float64Array(larger.length + 1);
      this.#pageCount = pages;
      for (let page = firstChanged; page < pages; page++)
        larger[page] = this.#heightOfPage(page, this.#rowHeight);
      this.#rebuild();
      return;
    }
    if (grown > 64) {
      this.#pageCount = pages;
      for (let page = firstChanged; page < pages; page++)
        this.#pages[page] = this.#heightOfPage(page, this.#rowHeight);
      this.#rebuild();
      return;
    }
    this.#pageCount = pages;
    for (let page = firstChanged; page < pages; page++)
      this.#set(page, this.#heightOfPage(page, this.#rowHeight));
  }

  /** Says how tall the first rows of a page are; the others keep the usual height. */
  setRows(page: number, heights: readonly number[]): void {
    if (page >= this.#pageCount) return;
    this.#rows.set(page, heights);
    this.#remembered.delete(page);
    this.#set(page, this.#heightOfPage(page, this.#rowHeight));
  }

  /** Lets go of a page's single rows, keeps its height. */
  forgetRows(page: number): void {
    const rows = this.#rows.get(page);
    if (!rows) return;
    this.#rows.delete(page);
    this.#remembered.set(page, { rows: rows.length, height: sum(rows, rows.length) });
  }

  /** Forgets what was measured of a page: it counts as rows of the usual height again. */
  clearPage(page: number): void {
    const known = this.#rows.delete(page);
    const remembered = this.#remembered.delete(page);
    if ((known || remembered) && page < this.#pageCount)
      this.#set(page, this.#heightOfPage(page, this.#rowHeight));
  }

  /** Height of a whole page. */
  pageHeight(page: number): number {
    return page < this.#pageCount ? (this.#pages[page] as number) : 0;
  }

  heightOf(row: number): number {
    const page = Math.floor(row / this.pageSize);
    const rows = this.#rows.get(page);
    if (rows) return rows[row - page * this.pageSize] ?? this.#rowHeight;
    const remembered = this.#remembered.get(page);
    if (remembered) {
      const index = row - page * this.pageSize;
      return index < remembered.rows ? remembered.height / remembered.rows : this.#rowHeight;
    }
    return this.#rowHeight;
  }

  /** The pixel at which a row begins; for the row after the last, the total. */
  top(row: number): number {
    if (row <= 0) return 0;
    if (row >= this.#count) return this.#total;
    const page = Math.floor(row / this.pageSize);
    const within = row - page * this.pageSize;
    let position = this.#prefix(page);
    const rows = this.#rows.get(page);
    if (rows) {
      const known = Math.min(within, rows.length);
      position += sum(rows, known) + (within - known) * this.#rowHeight;
    } else {
      const remembered = this.#remembered.get(page);
      if (remembered) {
        const known = Math.min(within, remembered.rows);
        position += (remembered.height / remembered.rows) * known + (within - known) * this.#rowHeight;
      } else position += within * this.#rowHeight;
    }
    return position;
  }

  /** The row that covers a pixel, and how far into the row the pixel lies. Rows without height are never it, unless all are. */
  at(position: number): { row: number; offset: number } {
    if (this.#count === 0) return { row: 0, offset: 0 };
    if (position <= 0) position = 0;
    if (position >= this.#total) {
      const last = this.#lastVisible();
      return { row: last, offset: this.heightOf(last) };
    }
    let page = this.#find(position);
    let rest = position - this.#prefix(page);
    if (page >= this.#pageCount) {
      page = this.#pageCount - 1;
      rest = this.#pages[page] as number;
    }
    const first = page * this.pageSize;
    const length = Math.min(this.pageSize, this.#count - first);
    const rows = this.#rows.get(page);
    if (!rows) {
      const remembered = this.#remembered.get(page);
      const each =
        remembered && remembered.height > 0 ? remembered.height / remembered.rows : this.#rowHeight;
      const known = remembered && remembered.height > 0 ? remembered.rows : 0;
      if (known > 0 && rest < each * known) {
        const index = Math.min(known - 1, Math.floor(rest / each));
        return { row: first + index, offset: rest - index * each };
      }
      const skipped = remembered ? remembered.rows : 0;
      const after = rest - (remembered?.height ?? 0);
      const index = Math.min(length - 1, skipped + Math.floor(after / this.#rowHeight));
      return { row: first + index, offset: after - (index - skipped) * this.#rowHeight };
    }
    for (let index = 0; index < length; index++) {
      const height = rows[index] ?? this.#rowHeight;
      if (rest < height) return { row: first + index, offset: rest };
      rest -= height;
    }
    return { row: first + length - 1, offset: rest };
  }

  #lastVisible(): number {
    for (let row = this.#count - 1; row >= 0; row--) {
      if (this.heightOf(row) > 0) return row;
      // A page without height is skipped whole.
      const page = Math.floor(row / this.pageSize);
      if (this.#pages[page] === 0) row = page * this.pageSize;
    }
    return this.#count - 1;
  }

  #heightOfPage(page: number, rowHeight: number): number {
    const length = Math.min(this.pageSize, this.#count - page * this.pageSize);
    const rows = this.#rows.get(page);
    if (rows) {
      const known = Math.min(length, rows.length);
      return sum(rows, known) + (length - known) * rowHeight;
    }
    const remembered = this.#remembered.get(page);
    if (remembered) return remembered.height + Math.max(0, length - remembered.rows) * rowHeight;
    return length * rowHeight;
  }

  #set(page: number, height: number): void {
    const delta = height - (this.#pages[page] as number);
    if (delta === 0) return;
    this.#pages[page] = height;
    this.#total += delta;
    for (let i = page + 1; i < this.#tree.length; i += i & -i) (this.#tree[i] as number) += delta;
  }

  #rebuild(): void {
    const tree = this.#tree;
    tree.fill(0);
    let total = 0;
    for (let page = 0; page < this.#pageCount; page++) {
      const height = this.#pages[page] as number;
      total += height;
      const i = page + 1;
      (tree[i] as number) += height;
      const parent = i + (i & -i);
      if (parent < tree.length) (tree[parent] as number) += tree[i] as number;
    }
    // Nodes past the last page must still pass on what lies below them.
    for (let i = this.#pageCount + 1; i < tree.length; i++) {
      const parent = i + (i & -i);
      if (parent < tree.length) (tree[parent] as number) += tree[i] as number;
    }
    this.#total = total;
  }

  /** Height of all pages before this one. */
  #prefix(page: number): number {
    let height = 0;
    for (let i = page; i > 0; i -= i & -i) height += this.#tree[i] as number;
    return height;
  }

  /** The page that covers a pixel; pages without height are passed over. */
  #find(position: number): number {
    let page = 0;
    let rest = position;
    let step = 1;
    while (step * 2 < this.#tree.length) step *= 2;
    for (; step > 0; step /= 2) {
      const next = page + step;
      if (next < this.#tree.length && (this.#tree[next] as number) <= rest) {
        rest -= this.#tree[next] as number;
        page = next;
      }
    }
    return page;
  }
}

function sum(values: readonly number[], n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += values[i] as number;
  return total;
}
