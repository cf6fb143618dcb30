import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heights } from "../src/log/heights.js";

const PAGE = 4;

/** The same, slowly: an array of rows. */
class Plain {
  rows: number[] = [];
  resize(count: number) {
    while (this.rows.length < count) this.rows.push(20);
    this.rows.length = count;
  }
  setRows(page: number, heights: readonly number[]) {
    for (let i = 0; i < PAGE; i++) {
      const row = page * PAGE + i;
      if (row < this.rows.length) this.rows[row] = heights[i] ?? 20;
    }
  }
  top(row: number) {
    return this.rows.slice(0, row).reduce((a, b) => a + b, 0);
  }
}

describe("Heights", () => {
  test("ten million rows cost nothing to know", () => {
    const heights = new Heights(256, 20);
    heights.resize(10_000_000);
    expect(heights.total).toBe(200_000_000);
    expect(heights.at(199_999_999)).toEqual({ row: 9_999_999, offset: 19 });
    heights.setRows(0, [0, 40]);
    expect(heights.total).toBe(200_000_000);
    heights.setRows(20_000, new Array<number>(256).fill(0));
    expect(heights.total).toBe(200_000_000 - 256 * 20);
    expect(heights.top(10_000_000)).toBe(heights.total);
  });

  test("agrees with an array of rows, whatever is done to both", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("grow" as const), by: fc.integer({ min: 1, max: 300 }) }),
      fc.record({
        do: fc.constant("rows" as const),
        page: fc.nat(80),
        heights: fc.array(fc.constantFrom(0, 20, 40, 100), { minLength: 1, maxLength: PAGE }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(10_000), (steps, probe) => {
        const heights = new Heights(PAGE, 20);
        const plain = new Plain();
        for (const s of steps) {
          if (s.do === "grow") {
            heights.resize(heights.count + s.by);
            plain.resize(plain.rows.length + s.by);
          } else if (s.page * PAGE < plain.rows.length) {
            // Nobody measures rows that do not exist.
            const known = s.heights.slice(0, plain.rows.length - s.page * PAGE);
            heights.setRows(s.page, known);
            plain.setRows(s.page, known);
          }
        }
        const total = plain.top(plain.rows.length);
        expect(heights.total).toBe(total);
        for (let row = 0; row <= plain.rows.length; row += 7) expect(heights.top(row)).toBe(plain.top(row));
        if (total === 0) return;
        const { row, offset } = heights.at(probe % total);
        expect(heights.heightOf(row)).toBeGreaterThan(0);
        expect(plain.top(row) + offset).toBe(probe % total);
        expect(offset).toBeLessThan(heights.heightOf(row));
      }),
      { numRuns: 300 },
    );
  });

  test("a page that is let go keeps its height, and comes back as it was", () => {
    const heights = new Heights(PAGE, 20);
    heights.resize(12);
    heights.setRows(1, [0, 60, 0, 20]);
    const before = heights.total;
    heights.forgetRows(1);
    expect(heights.total).toBe(before);
    expect(heights.top(8)).toBe(4 * 20 + 80);
    heights.clearPage(1);
    expect(heights.total).toBe(240);
  });

  test("the end of a log whose last rows are hidden is its last shown row", () => {
    const heights = new Heights(PAGE, 20);
    heights.resize(12);
    heights.setRows(2, [0, 0, 0, 0]);
    expect(heights.at(heights.total)).toEqual({ row: 7, offset: 20 });
  });
});
