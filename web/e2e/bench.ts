import type { CDPSession, Page } from "@playwright/test";
import { expect, signIn, test } from "./server.ts";

const lines = Number(process.env.BENCH_LINES ?? 10_000_000);

test("ten million lines", async ({ page, server }) => {
  const id = await server.run("counter", { lines, rate: 1_000_000_000 });
  await server.endedWithin(id, 300_000);
  await signIn(page, server);
  const session = await page.context().newCDPSession(page);

  const opened: number[] = [];
  for (let round = 0; round < 5; round++) {
    await page.goto(`${server.url}/`);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    opened.push(
      await page.evaluate(async (id) => {
        const began = performance.now();
        (document.querySelector(`a[href$="${id}"]`) as HTMLElement).click();
        while (!document.querySelector('[data-type="execution:completed"]'))
          await new Promise(requestAnimationFrame);
        return performance.now() - began;
      }, id),
    );
  }
  say("open at the end", opened, "ms");

  const jumps: number[] = [];
  for (let i = 0; i < 20; i++)
    jumps.push(await jump(page, 3 + Math.floor((lines * ((i * 0.618034) % 1)) / 1)));
  say("jump to a line", jumps, "ms");
  const head = (await server.execution(id)).head;
  expect(await jump(page, head)).toBeGreaterThan(0);
  expect(await page.locator(".cops-log-rows > .cops-row").last().getAttribute("data-seq")).toBe(String(head));
  print(`the last line, ${head}, is reached`);

  await page.keyboard.press("/");
  await page.keyboard.type("n 7777777");
  const began = Date.now();
  await expect(page.locator(".cops-find-count")).toHaveText(/of \d[\d,]*( \(|$)/, { timeout: 120_000 });
  print(`find in ${lines.toLocaleString("en-US")} lines: ${Date.now() - began} ms`);
  await page.keyboard.press("Escape");
  print(`heap after all this: ${await heap(session)} MB`);

  const live = await server.run("counter", { lines: 120_000, rate: 5000 });
  await page.goto(`${server.url}/executions/${live}`);
  await expect
    .poll(async () => Number(await page.locator(".cops-row").last().getAttribute("data-seq")))
    .toBeGreaterThan(10_000);
  // By the thread's own clock, so that what else the machine does is not in it.
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await busySeconds(session);
  const { frames, busy } = await page.evaluate(async () => {
    const frames: number[] = [];
    const before = performance.now();
    let last = before;
    while (last - before < 10_000) {
      const now = await new Promise<number>(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    return { frames, busy: frames.filter((ms) => ms > 34).length };
  });
  const worked = (await busySeconds(session)) - before;
  const mean = frames.reduce((sum, ms) => sum + ms, 0) / frames.length;
  print(
    `5,000 lines/s: ${(1000 / mean).toFixed(1)} frames a second, ${busy} of ${frames.length} took longer than two`,
  );
  print(
    `the page's main thread works ${((worked * 1000) / frames.length).toFixed(1)} ms of each frame's ${mean.toFixed(1)}`,
  );
  print(`heap while streaming: ${await heap(session)} MB`);
});

/** Milliseconds until a line far away is drawn. */
async function jump(page: Page, seq: number): Promise<number> {
  return page.evaluate(async (seq) => {
    const began = performance.now();
    location.hash = `#L${seq}`;
    for (;;) {
      const text = document.querySelector(`.cops-row[data-seq="${seq}"] .cops-text:not(.cops-pending)`);
      if (text?.textContent) return performance.now() - began;
      await new Promise(requestAnimationFrame);
    }
  }, seq);
}

async function busySeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
}

async function heap(session: CDPSession): Promise<string> {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return (usedSize / 1e6).toFixed(1);
}

function say(what: string, values: readonly number[], unit: string): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
  print(`${what}: median ${at(0.5)} ${unit}, worst ${at(1)} ${unit} of ${values.length}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
