import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heights } from "../src/log/heights.js";
import { SPACER_LIMIT, Viewport } from "../src/log/viewport.js";

function newViewport(rows: number, height = 700): Viewport {
  const heights = new Heights(256, 20);
  heights.resize(rows);
  const viewport = new Viewport(heights);
  viewport.height = height;
  return viewport;
}

/** What a browser's element does when it is scrolled by itself. */
function wheel(viewport: Viewport, pixels: number): void {
  const max = Math.max(0, viewport.spacer - viewport.height);
  viewport.scrolled(Math.min(max, Math.max(0, viewport.top + pixels)));
  if (viewport.mustSync) viewport.top = viewport.wantedTop;
}

describe("Viewport", () => {
  test("a short log is one to one", () => {
    const viewport = newViewport(1000);
    expect(viewport.spacer).toBe(20_000);
    wheel(viewport, 510);
    expect(viewport.position).toBe(510);
    expect(viewport.window(0)).toMatchObject({ first: 25, y: 500 });
  });

  test("ten million rows fit the browser, and the last is reached", () => {
    const viewport = newViewport(10_000_000);
    expect(viewport.spacer).toBe(SPACER_LIMIT);
    viewport.toEnd();
    viewport.top = viewport.wantedTop;
    expect(viewport.top).toBe(SPACER_LIMIT - 700);
    expect(viewport.window(0).last).toBe(9_999_999);
    expect(viewport.atEnd).toBe(true);
  });

  test("wheels move by true pixels, in the compressed middle too", () => {
    const viewport = newViewport(10_000_000);
    viewport.reveal(5_000_000, "top");
    viewport.top = viewport.wantedTop;
    for (let i = 0; i < 100; i++) wheel(viewport, 100);
    expect(viewport.position).toBe(5_000_000 * 20 + 10_000);
    for (let i = 0; i < 100; i++) wheel(viewport, -100);
    expect(viewport.position).toBe(100_000_000);
  });

  test("both ends are reached by the wheel alone, pixel by pixel", () => {
    const viewport = newViewport(10_000_000);
    viewport.reveal(9_999_000, "top");
    viewport.top = viewport.wantedTop;
    for (let i = 0; i < 400; i++) wheel(viewport, 60);
    expect(viewport.atEnd).toBe(true);
    viewport.reveal(1000, "top");
    viewport.top = viewport.wantedTop;
    for (let i = 0; i < 400; i++) wheel(viewport, -60);
    expect(viewport.position).toBe(0);
    expect(viewport.top).toBe(0);
  });

  test("rows above may change their height: what is seen stays where it is", () => {
    const viewport = newViewport(100_000);
    viewport.reveal(50_000, "top");
    viewport.top = viewport.wantedTop;
    const before = viewport.window(0);
    viewport.heights.setRows(10, new Array<number>(256).fill(60));
    const after = viewport.window(0);
    expect(after.first).toBe(before.first);
    expect(after.y).toBe(before.y);
    expect(viewport.position).toBe(50_000 * 20 + 256 * 40);
  });

  test("place and element are one to one in both directions, and never cross", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rows, a, b) => {
          const viewport = newViewport(rows);
          const [low, high] = [Math.min(a, b) * viewport.maxPosition, Math.max(a, b) * viewport.maxPosition];
          expect(viewport.toTop(low)).toBeLessThanOrEqual(viewport.toTop(high));
          expect(viewport.fromTop(viewport.toTop(low))).toBeCloseTo(low, 2);
          expect(viewport.toTop(low)).toBeGreaterThanOrEqual(0);
          expect(viewport.toTop(high)).toBeLessThanOrEqual(
            Math.max(0, viewport.spacer - viewport.height) + 1e-6,
          );
        },
      ),
    );
  });

  test("however one scrolls, what is drawn covers what is seen", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 12_000_000 }),
        fc.array(fc.integer({ min: -4_000, max: 4_000 }), { maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rows, moves, from) => {
          const viewport = newViewport(rows);
          viewport.moveTo(from * viewport.maxPosition);
          viewport.top = viewport.wantedTop;
          for (const move of moves) {
            const before = viewport.position;
            const topBefore = viewport.top;
            wheel(viewport, move);
            const moved =
              Math.min(Math.max(0, topBefore + move), viewport.spacer - viewport.height) - topBefore;
            expect(viewport.position).toBeCloseTo(
              Math.min(viewport.maxPosition, Math.max(0, before + moved)),
              3,
            );
            const { first, last, y } = viewport.window(0);
            expect(y).toBeLessThanOrEqual(viewport.top + 1e-6);
            expect(y + (last - first + 1) * 20).toBeGreaterThanOrEqual(viewport.top + viewport.height - 1e-6);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
