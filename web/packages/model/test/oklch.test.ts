import { describe, expect, it } from "vitest";
import { oklchOf } from "../src/log/oklch.js";

describe("oklchOf", () => {
  it("agrees with what browsers compute", () => {
    expect(oklchOf("#000000").slice(0, 2)).toEqual([0, 0]);
    expect(oklchOf("#ffffff").slice(0, 2)).toEqual([1, 0]);
    const near = (colour: string, expected: readonly number[]) =>
      oklchOf(colour).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i] ?? 0, i === 2 ? 0 : 2);
      });
    near("#ff0000", [0.628, 0.258, 29.2]);
    near("#00ff00", [0.866, 0.295, 142.5]);
    near("#0000ff", [0.452, 0.313, 264.1]);
    near("#ffaf00", [0.811, 0.171, 76.1]);
  });
});
