import { describe, expect, it } from "vitest";
import { DoublePress } from "../src/lib/double-press.ts";
import { isComposing } from "../src/lib/keys.ts";

describe("DoublePress", () => {
  it("takes the presses of a double or triple click as one, and any other as its own", () => {
    const guard = new DoublePress();
    const admitted = [0, 180, 400, 950].map((at) => guard.admits("backup {}", at));
    expect(admitted).toEqual([true, false, false, true]);
    expect(guard.admits('backup {"path":"/"}', 960)).toBe(true);
    expect(guard.admits("backup {}", 970)).toBe(true);
  });
});

describe("isComposing", () => {
  it("knows the keys of an input method", () => {
    expect(isComposing({ isComposing: true, keyCode: 13 })).toBe(true);
    expect(isComposing({ isComposing: false, keyCode: 229 })).toBe(true);
    expect(isComposing({ isComposing: false, keyCode: 13 })).toBe(false);
  });
});
