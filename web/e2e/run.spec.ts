import { expect, test } from "./server.ts";

test("the first run: the health check is offered, watched, and ends with a report", async ({
  signedIn: page,
}) => {
  await page.getByRole("button", { name: "Check this machine" }).click();
  await expect(page).toHaveURL(/\/executions\/[0-9a-z]{26}$/);
  const report = page.getByRole("tabpanel", { name: "Result" });
  await expect(report.getByRole("heading", { name: /Healthy|Needs attention|In trouble/ })).toBeVisible({
    timeout: 30_000,
  });
  await expect(report.getByRole("heading", { name: "Disks" })).toBeVisible();
  await expect(report.getByRole("heading", { name: "Busiest by CPU" })).toBeVisible();

  await page.getByRole("tab", { name: "Log" }).click();
  await expect(page.getByRole("log")).toContainText("Completed");
  await page.getByRole("link", { name: "Overview" }).first().click();
  await expect(page.getByRole("table", { name: "Recent runs" }).getByRole("row")).toHaveCount(2);
});

test("a run is seen live on the overview and on its own page", async ({ signedIn: page, server }) => {
  await server.run("counter", { lines: 100_000, rate: 100 });
  const card = page.getByRole("article", { name: /counter/ });
  await expect(card).toBeVisible();
  await expect(card).toContainText(/n \d+ [0-9a-f]{8}/);
  await expect(page).toHaveTitle("1 running · ClaudeOps");
  await card.getByRole("link", { name: "Open" }).click();
  await expect(page).toHaveTitle("● counter · ClaudeOps");
  const last = page.locator(".cops-row").last();
  const before = Number(await last.getAttribute("data-seq"));
  await expect.poll(async () => Number(await last.getAttribute("data-seq"))).toBeGreaterThan(before + 50);
});

test("stop answers at once and leaves nothing behind", async ({ signedIn: page, server }) => {
  const id = await server.run("stubborn");
  const card = page.getByRole("article", { name: /stubborn/ });
  await expect(card).toContainText("still here");
  await card.getByRole("button", { name: "Stop" }).click();
  await expect(card.getByRole("button", { name: "Stopping…" })).toBeVisible();
  const row = page.getByRole("table", { name: "Recent runs" }).getByRole("row", { name: /stubborn/ });
  await expect(row).toContainText("cancelled");
  await expect(row).toContainText(/stopped by owner, \d+ processes reaped/);
  expect((await server.ended(id)).processesReaped).toBeGreaterThanOrEqual(5);
});

test("x asks before it stops", async ({ signedIn: page, server }) => {
  const id = await server.run("stubborn");
  await page.goto(`${server.url}/executions/${id}`);
  await expect(page.getByRole("log")).toContainText("still here");
  await page.keyboard.press("x");
  const dialog = page.getByRole("dialog", { name: "Stop stubborn?" });
  await dialog.getByRole("button", { name: "Keep running" }).click();
  await expect(dialog).toBeHidden();
  expect((await server.execution(id)).status).toBe("running");
  await page.keyboard.press("x");
  await page.getByRole("dialog").getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.locator("main header")).toContainText("cancelled");
});

test("an agent that needs parameters asks for them, and says what is wrong", async ({ signedIn: page }) => {
  await page.getByRole("button", { name: /^Asker/ }).click();
  const dialog = page.getByRole("dialog", { name: "Asker" });
  await dialog.getByRole("button", { name: "Run" }).click();
  await expect(dialog.getByRole("alert")).toHaveText("This is needed.");
  await dialog.getByRole("textbox", { name: "Path" }).fill("nowhere");
  await dialog.getByRole("button", { name: "Run" }).click();
  await expect(dialog.getByRole("alert")).toContainText(/must (look like|match)/);
  await dialog.getByRole("textbox", { name: "Path" }).fill("/srv; rm -rf /");
  await dialog.getByLabel("Mode").selectOption("thorough");
  await expect(dialog.getByLabel("Secret")).toHaveAttribute("type", "password");
  await dialog.getByRole("button", { name: "Run" }).click();
  await expect(page.getByRole("log")).toContainText("path=/srv; rm -rf / mode=thorough");

  await page.getByRole("button", { name: "Run again, edited" }).click();
  await expect(page.getByRole("dialog").getByRole("textbox", { name: "Path" })).toHaveValue("/srv; rm -rf /");
});

test("a failure says why and can be run again", async ({ signedIn: page, server }) => {
  const id = await server.run("failing");
  await server.ended(id);
  await page.goto(`${server.url}/executions/${id}`);
  await expect(page.getByRole("complementary", { name: "Details" })).toContainText(
    /exit(ed with)?( code)? 3/,
  );
  await page.getByRole("button", { name: "Run again", exact: true }).click();
  await expect(page).not.toHaveURL(new RegExp(id));
  await expect(page.getByRole("log")).toContainText("this will not do");
});

test("the timeline tells when, and its bars lead into the log", async ({ signedIn: page, server }) => {
  const id = await server.run("counter", { lines: 3000, rate: 2000 });
  const { head } = await server.ended(id);
  await page.goto(`${server.url}/executions/${id}`);
  const steps = page.getByRole("complementary", { name: "Details" }).getByRole("listitem");
  await expect(steps).toHaveText([/^Queued by owner from the API/, /^Started after/, /^Completed after/]);
  const bars = page.locator(".timeline-slice");
  await expect(bars).toHaveCount(60);
  await bars.nth(30).click();
  await expect(page).toHaveURL(/#L\d+$/);
  const seq = Number(new URL(page.url()).hash.slice(2));
  expect(seq).toBeGreaterThan(head * 0.2);
  expect(seq).toBeLessThan(head * 0.8);
  await expect(page.locator(".cops-row[data-selected]")).toHaveAttribute("data-seq", String(seq));
});

test("a pin stays, and history shows it", async ({ signedIn: page, server }) => {
  const id = await server.run("counter", { lines: 5, rate: 1000 });
  await server.ended(id);
  await page.goto(`${server.url}/executions/${id}`);
  const pin = page.getByRole("button", { name: "Keep this run" });
  await expect(pin).toHaveAttribute("aria-pressed", "false");
  await pin.click();
  await expect(pin).toHaveAttribute("aria-pressed", "true");
  await page.reload();
  await expect(pin).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("link", { name: "History" }).first().click();
  const row = page.getByRole("table", { name: "Runs", exact: true }).getByRole("row", { name: /counter/ });
  await expect(row.getByRole("img", { name: "pinned" })).toBeVisible();
  await row.getByRole("link", { name: /counter/ }).click();
  await pin.click();
  await expect(pin).toHaveAttribute("aria-pressed", "false");
  expect((await server.execution(id)).pinned ?? false).toBe(false);
});
