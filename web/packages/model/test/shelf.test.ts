import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Shelf } from "../src/store/shelf.js";

class Store {
  inUse = false;
  closed = 0;
  close(): void {
    this.closed++;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("Shelf", () => {
  it("gives the same store for an id, however many are asked for before anybody listens", () => {
    const shelf = new Shelf(4, () => new Store());
    const stores = Array.from({ length: 200 }, (_, i) => shelf.get(`${i}`));
    const again = stores.map((_, i) => shelf.get(`${i}`));
    expect(again).toEqual(stores);
    expect(new Set(again).size).toBe(200);
  });

  it("lets go of what nobody uses, later, and never of what somebody does", () => {
    const shelf = new Shelf(4, () => new Store());
    const stores = Array.from({ length: 50 }, (_, i) => shelf.get(`${i}`));
    for (const store of stores.slice(0, 30)) store.inUse = true;
    vi.advanceTimersByTime(20_000);
    expect(shelf.size).toBe(34);
    expect(stores.slice(0, 30).every((store) => store.closed === 0)).toBe(true);
    expect(shelf.get("49")).toBe(stores[49]);
    expect(stores[30]?.closed).toBe(1);
    for (const store of stores) store.inUse = false;
    shelf.get("0");
    vi.advanceTimersByTime(20_000);
    expect(shelf.size).toBe(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("closes all, and keeps what is in use for when it is opened again", () => {
    const shelf = new Shelf(4, () => new Store());
    const used = shelf.get("a");
    used.inUse = true;
    const idle = shelf.get("b");
    shelf.close();
    expect([used.closed, idle.closed, shelf.size]).toEqual([1, 1, 1]);
    expect(shelf.get("a")).toBe(used);
  });
});
