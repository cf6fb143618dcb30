import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LogModel } from "../src/log/model.js";
import { selectionOfLines } from "../src/log/selection.js";
import { LogStore } from "../src/log/store.js";
import { textOf } from "../src/log/text-of.js";
import { FakeSource } from "./fake-source.js";

const HEIGHT = 400;

async function open(source: FakeSource) {
  const model = new LogModel(new LogStore(source));
  const leave = model.subscribe(() => {});
  model.setSize(HEIGHT, 20, 80);
  await pass();
  return { model, leave };
}

/** A few frames, and what is asked for in them. */
async function pass(frames = 6): Promise<void> {
  for (let i = 0; i < frames; i++) await vi.advanceTimersByTimeAsync(20);
}

/** Draws, as a component would, until nothing more is asked for. */
async function look(model: LogModel, frames = 6): Promise<ReturnType<LogModel["getView"]>> {
  for (let i = 0; i < frames; i++) {
    model.getView();
    await vi.advanceTimersByTimeAsync(20);
  }
  return model.getView();
}

const seqs = (model: LogModel) => model.getView().rows.map((row) => row.seq);

describe("LogModel", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("opens at the end and goes anywhere", async () => {
    const source = new FakeSource();
    source.append(1_000_000);
    const { model, leave } = await open(source);
    expect(seqs(model).at(-1)).toBe(1_000_000);
    model.goTo(500_000);
    const view = await look(model);
    const row = view.rows.find(({ seq }) => seq === 500_000);
    expect(row?.row?.text).toBe("line 500000");
    expect(view.follow).toBe(false);
    model.toStart();
    await look(model);
    expect(seqs(model)[0]).toBe(1);
    leave();
  });

  test("a place asked for before the log is open is gone to when it is", async () => {
    const source = new FakeSource();
    source.append(10_000);
    const model = new LogModel(new LogStore(source));
    model.goTo(42);
    const leave = model.subscribe(() => {});
    model.setSize(HEIGHT, 20, 80);
    const view = await look(model);
    expect(view.rows.some(({ seq, row }) => seq === 42 && row !== null)).toBe(true);
    leave();
  });

  test("what is looked at holds still while lines come and wrapping above is measured", async () => {
    const source = new FakeSource();
    source.append(5000);
    const { model, leave } = await open(source);
    model.moveBy(-2000);
    await look(model);
    const top = model.topSeq;
    source.listener?.events(source.append(500));
    await pass();
    expect(model.topSeq).toBe(top);
    expect(model.getView().newLines).toBe(500);
    model.measured(new Map([[top - 5, 60]]));
    expect(model.topSeq).toBe(top);
    model.setFollow(true);
    expect(seqs(model).at(-1)).toBe(5500);
    leave();
  });

  test("a group folds with the groups in it, wherever its end is", async () => {
    const source = new FakeSource();
    const command = (seq: number) =>
      seq === 10 || seq === 20
        ? { data: { command: "group", group: `g${seq}` } }
        : seq === 30 || seq === 3000
          ? { data: { command: "endgroup" } }
          : {};
    source.append(3100, command);
    const { model, leave } = await open(source);
    model.goTo(10, "top");
    await look(model);
    await model.toggleGroup(20);
    await look(model);
    expect(seqs(model)).toEqual(expect.arrayContaining([19, 20, 31]));
    expect(seqs(model)).not.toContain(21);
    await model.toggleGroup(10);
    await look(model);
    const after = seqs(model);
    expect(after[after.indexOf(10) + 1]).toBe(3001);
    await model.toggleGroup(10);
    await look(model);
    expect(seqs(model)).toContain(11);
    leave();
  });

  test("a filter over a long log asks the server where to look, and fetches only that", async () => {
    const source = new FakeSource();
    source.append(500_000, (seq) => (seq % 100_000 === 7 ? { level: "error" } : {}));
    source.search = source.searching;
    const { model, leave } = await open(source);
    model.setSettings({ level: "error" });
    await look(model, 30);
    expect(seqs(model)).toEqual([7, 100_007, 200_007, 300_007, 400_007]);
    expect(model.getView().scanPaused).toBe(false);
    expect(source.reads.reduce((sum, [, limit]) => sum + limit, 0)).toBeLessThan(10_000);
    // What comes later is filtered as it comes.
    source.listener?.events(source.append(10, (seq) => (seq === 500_003 ? { level: "error" } : {})));
    await look(model);
    expect(seqs(model).at(-1)).toBe(500_003);
    model.setSettings({ level: "debug" });
    await look(model);
    expect(seqs(model).at(-1)).toBe(500_010);
    leave();
  });

  test("a filter by text shows only lines with it, as they are read, and is asked for like the others", async () => {
    const source = new FakeSource();
    source.append(100_000, (seq) =>
      seq % 30_000 === 0
        ? { message: "a \x1b[31mnee\x1b[0mdle" }
        : seq % 30_000 === 1
          ? { message: "a needle", level: "warn" }
          : {},
    );
    source.search = source.searching;
    const { model, leave } = await open(source);
    model.setSettings({ only: { text: "needle", regex: false, caseSensitive: false } });
    await look(model, 30);
    // Colours inside a word do not hide it.
    expect(seqs(model)).toEqual([1, 30_000, 30_001, 60_000, 60_001, 90_000, 90_001]);
    expect(source.reads.reduce((sum, [, limit]) => sum + limit, 0)).toBeLessThan(10_000);
    expect(source.searches.at(-1)).toMatchObject({ text: "needle", regex: false, caseSensitive: false });
    // What is marked is what the server found.
    await model.find.search({ text: "needle", regex: false, caseSensitive: false }, 1);
    await look(model, 5);
    expect(model.getView().rows.map((row) => row.ranges)).toEqual(Array(7).fill([[2, 8]]));
    model.find.clear();
    model.setSettings({ level: "error" });
    await look(model, 30);
    expect(seqs(model)).toEqual([]);
    model.setSettings({ level: "debug" });
    await look(model, 30);
    source.listener?.events(source.append(2, (seq) => (seq === 100_002 ? { message: "NEEDLE" } : {})));
    await look(model);
    expect(seqs(model).at(-1)).toBe(100_002);
    // An expression that can't be read hides nothing.
    model.setSettings({ only: { text: "(", regex: true, caseSensitive: false } });
    await look(model);
    expect(seqs(model).at(-1)).toBe(100_002);
    expect(seqs(model)).toContain(100_001);
    model.setSettings({ only: null });
    await look(model);
    expect(seqs(model)).toContain(100_001);
    leave();
  });

  test("without the server's help it looks through a long stretch, then asks whether to go on", async () => {
    const source = new FakeSource();
    source.append(400_000, (seq) => (seq === 5 ? { level: "error" } : {}));
    const { model, leave } = await open(source);
    model.setSettings({ level: "error" });
    let view = await look(model, 400);
    expect(view.scanPaused).toBe(true);
    expect(view.rows).toEqual([]);
    const asked = source.reads.length;
    await look(model, 20);
    expect(source.reads.length).toBe(asked);
    for (let turn = 0; turn < 4 && view.scanPaused; turn++) {
      model.lookFurther();
      view = await look(model, 400);
    }
    expect(seqs(model)).toEqual([5]);
    leave();
  });

  test("finds by the server, steps around, and sees what comes later", async () => {
    const source = new FakeSource();
    source.append(50_000, (seq) => (seq % 10_000 === 0 ? { message: "needle" } : {}));
    source.search = source.searching;
    const { model, leave } = await open(source);
    const seq = await model.find.search({ text: "needle", regex: false, caseSensitive: false }, 25_000);
    expect(seq).toBe(30_000);
    expect(model.find.state).toMatchObject({ status: "done", total: 5, current: 2 });
    const steps: (number | null)[] = [];
    for (let i = 0; i < 3; i++) steps.push(await model.find.step(1));
    expect(steps).toEqual([40_000, 50_000, 10_000]);
    expect(await model.find.step(-1)).toBe(50_000);
    source.listener?.events(source.append(3, () => ({ message: "a needle more" })));
    await pass();
    expect(model.find.state.total).toBe(8);
    leave();
  });

  test("more hits than a server gives at once are stepped through one by one, in both directions", async () => {
    const source = new FakeSource();
    source.append(25_000, () => ({ message: "needle" }));
    source.search = source.searching;
    const { model, leave } = await open(source);
    const query = { text: "needle", regex: false, caseSensitive: false };
    expect(await model.find.search(query, 10_000)).toBe(10_000);
    expect(await model.find.step(1)).toBe(10_001);
    expect(await model.find.step(1)).toBe(10_002);
    expect(model.find.state).toMatchObject({ total: 25_000, current: 10_001 });
    expect(await model.find.step(-1)).toBe(10_001);
    expect(await model.find.step(-1)).toBe(10_000);
    expect(await model.find.search(query, 24_000)).toBe(24_000);
    expect(model.find.state).toMatchObject({ total: 25_000, current: 23_999 });
    expect(await model.find.step(-1)).toBe(23_999);
    expect(model.find.state).toMatchObject({ total: 25_000, current: 23_998 });
    await model.find.search(query, 1);
    expect(await model.find.step(-1)).toBe(25_000);
    expect(await model.find.step(1)).toBe(1);
    leave();
  });

  test("finds by reading the log through where the server can't search", async () => {
    const source = new FakeSource();
    source.append(30_000, (seq) => (seq === 12_345 ? { message: "\x1b[31mNEE\x1b[0mDLE" } : {}));
    const { model, leave } = await open(source);
    const seq = await model.find.search({ text: "needle", regex: false, caseSensitive: false }, 1);
    expect(seq).toBe(12_345);
    expect(model.find.state).toMatchObject({ status: "done", total: 1, scannedTo: 30_000 });
    expect(model.store.held).toBeLessThan(10);
    expect(await model.find.search({ text: "(", regex: true, caseSensitive: false }, 1)).toBeNull();
    expect(model.find.state).toMatchObject({ status: "failed" });
    leave();
  });

  test("copies lines as they were written, joined and plain", async () => {
    const source = new FakeSource();
    source.append(6, (seq) =>
      seq === 2 ? { message: "\x1b[32mgreen\x1b[0m ", partial: true } : seq === 3 ? { message: "rest" } : {},
    );
    const { model, leave } = await open(source);
    expect(await textOf(model.store, selectionOfLines(1, 4), new AbortController().signal)).toBe(
      "line 1\ngreen rest\nline 4",
    );
    leave();
  });
});
