import type { Page } from "@playwright/test";
import { expect, lastCopy, recordCopies, test } from "./server.ts";

/** Everything of one execution that any transport brought into the page, in the order it came. */
function collectSeqs(page: Page, executionId: () => string): number[] {
  const seqs: number[] = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      for (const line of payload.toString().split("\n")) {
        if (line === "") continue;
        const message = JSON.parse(line) as { type: string; executionId?: string; seq?: number };
        if (
          message.type === "execution:log" &&
          message.executionId === executionId() &&
          message.seq !== undefined
        )
          seqs.push(message.seq);
      }
    });
  });
  return seqs;
}

const sum = (n: number) => (Math.imul(n, 2654435761) >>> 0).toString(16).padStart(8, "0");

test("the server is killed with -9 in mid-run: the agent runs on, and no line is lost or doubled", async ({
  signedIn: page,
  server,
  context,
}) => {
  test.setTimeout(240_000);
  await context.grantPermissions(["clipboard-write"]);
  await recordCopies(page);
  let id = "";
  const seqs = collectSeqs(page, () => id);
  id = await server.run("counter", { lines: 6000, rate: 400 });
  await page.goto(`${server.url}/executions/${id}`);
  await expect.poll(() => seqs.length).toBeGreaterThan(100);
  const { pid } = await server.execution(id);

  for (let round = 0; round < 3; round++) {
    const seen = seqs.length;
    await server.kill();
    await expect(page.getByText(/Reconnecting/)).toBeVisible();
    await expect(page.getByText(/what you see is from/)).toBeVisible();
    await expect(page.locator(".cops-row").first()).toBeVisible();
    await server.start();
    await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 40_000 });
    await expect.poll(() => seqs.length, { timeout: 40_000 }).toBeGreaterThan(seen + 50);
  }
  expect((await server.execution(id)).pid).toBe(pid);
  const ended = await server.ended(id);
  expect(ended.status).toBe("completed");
  await expect(page.getByRole("log")).toContainText("Completed");

  // What came over the wire: every event once, in order. Frames are told of after the page has them.
  await expect.poll(() => seqs.at(-1), { timeout: 30_000 }).toBe(ended.head - 1);
  expect(seqs.length).toBeGreaterThan(3000);
  const wrong = seqs.filter((seq, i) => i > 0 && seq !== (seqs[i - 1] as number) + 1);
  expect(wrong).toEqual([]);

  // What the page shows: every row holds the line of its number.
  for (const at of [3, 1500, 3000, 5990]) {
    await page.evaluate((seq) => {
      location.hash = `#L${seq}`;
    }, at);
    await expect(page.locator(`.cops-row[data-seq="${at}"] .cops-text`)).toHaveText(/^n /);
    const rows = await page
      .locator(".cops-log-rows > .cops-row[data-kind=line]")
      .evaluateAll((elements) =>
        elements.map(
          (element) =>
            [
              Number((element as HTMLElement).dataset.seq),
              element.querySelector(".cops-text")?.textContent ?? "",
            ] as const,
        ),
      );
    const first = rows[0];
    expect(first).toBeDefined();
    for (const [, text] of rows) {
      const n = Number(text.split(" ")[1]);
      expect(text).toBe(`n ${n} ${sum(n)}`);
    }
    const numbers = rows.map(([, text]) => Number(text.split(" ")[1]));
    expect(numbers.filter((n, i) => i > 0 && n !== (numbers[i - 1] as number) + 1)).toEqual([]);
  }

  // And the whole of it, as somebody would take it along.
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Copy the whole log" }).click();
  await expect(page.getByText(/^[\d,]+ lines copied$/)).toBeVisible();
  // What is shown is what is copied: what the server says of the run stands around its lines.
  const shown = (await lastCopy(page)).split("\n");
  expect(shown).toHaveLength(6003);
  const lines = shown.slice(2, -1);
  expect(lines.findIndex((line, i) => line !== `n ${i + 1} ${sum(i + 1)}`)).toBe(-1);
});

test("where WebSocket is blocked, the page falls back and says so", async ({ page, server }) => {
  await page.routeWebSocket(/\/api\/ws/, (socket) => socket.close({ code: 1006 }));
  await page.goto(server.link);
  await expect(page.getByText("(event stream)")).toBeVisible({ timeout: 40_000 });
  const id = await server.run("counter", { lines: 300, rate: 100 });
  await page.goto(`${server.url}/executions/${id}`);
  await expect(page.getByRole("log")).toContainText("Completed", { timeout: 40_000 });
});
