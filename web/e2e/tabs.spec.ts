import type { Page } from "@playwright/test";
import { expect, test } from "./server.ts";

/** The tab's icon, as it is drawn. */
const icon = (page: Page) =>
  page.evaluate(() =>
    decodeURIComponent(document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href ?? ""),
  );

test("title and icon show what goes on", async ({ signedIn: page, server }) => {
  await expect(page).toHaveTitle("ClaudeOps");
  expect(await icon(page)).not.toContain("<circle");
  const id = await server.run("counter", { lines: 100_000, rate: 20 });
  await expect(page).toHaveTitle("1 running · ClaudeOps");
  await expect.poll(() => icon(page)).toContain("<circle");
  await server.request(`/api/executions/${id}/cancel`, { method: "POST", body: "{}" });
  await expect(page).toHaveTitle("ClaudeOps");
  await expect.poll(() => icon(page)).not.toContain("<circle");
  await server.ended(await server.run("failing"));
  await expect.poll(() => icon(page)).toContain("#e5484d");
});

test("the end of a run is told on the desktop when that was asked for, by one tab", async ({
  signedIn: page,
  server,
  context,
}) => {
  await context.addInitScript(() => {
    const told: string[] = [];
    (window as unknown as { told: string[] }).told = told;
    class Told extends EventTarget {
      static permission = "default";
      static asked = 0;
      static async requestPermission() {
        Told.asked++;
        Told.permission = "granted";
        localStorage.setItem("test.granted", "yes");
        return "granted";
      }
      constructor(title: string, options?: NotificationOptions) {
        super();
        told.push(`${title} ${options?.tag}`);
      }
    }
    if (localStorage.getItem("test.granted")) Told.permission = "granted";
    window.Notification = Told as unknown as typeof Notification;
  });
  const told = (p: Page) => p.evaluate(() => (window as unknown as { told: string[] }).told);
  await server.run("counter", { lines: 20, rate: 1000 });
  const id = await server.run("counter", { lines: 100_000, rate: 20 });
  await page.goto(`${server.url}/executions/${id}`);
  const bell = page.getByRole("button", { name: "Notify me when it ends" });
  await expect(bell).toHaveAttribute("aria-pressed", "false");
  // Nobody was asked until somebody wanted it.
  expect(await page.evaluate(() => (Notification as unknown as { asked: number }).asked)).toBe(0);
  await bell.click();
  await expect(bell).toHaveAttribute("aria-pressed", "true");

  const other = await context.newPage();
  await other.goto(`${server.url}/executions/${id}`);
  await expect(other.getByRole("button", { name: "Notify me when it ends" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await server.request(`/api/executions/${id}/cancel`, { method: "POST", body: "{}" });
  // Both have heard of the end before they are asked.
  for (const tab of [page, other]) await expect(tab.locator("main header")).toContainText("cancelled");
  await expect
    .poll(async () => [...(await told(page)), ...(await told(other))])
    .toEqual([`counter: cancelled ${id}`]);
});

test("tabs agree on what runs and on who is signed in", async ({ signedIn: page, server, context }) => {
  const other = await context.newPage();
  await other.goto(`${server.url}/`);
  await expect(other.getByText("Live", { exact: true })).toBeVisible();
  await server.run("counter", { lines: 100_000, rate: 20 });
  for (const tab of [page, other]) await expect(tab.getByRole("article", { name: /counter/ })).toBeVisible();
  await page
    .getByRole("article", { name: /counter/ })
    .getByRole("button", { name: "Stop" })
    .click();
  await expect(
    other.getByRole("table", { name: "Recent runs" }).getByRole("row", { name: /counter/ }),
  ).toContainText("stopped by owner");
  await page.goto(`${server.url}/system`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  // The other tab keeps what it shows, and says what it needs.
  await expect(other.getByText("sign in again")).toBeVisible();
  await expect(other.getByRole("table", { name: "Recent runs" })).toBeVisible();
  await expect(other.getByText(/what you see is from/)).toBeVisible();
});

test("by keys alone: run, watch, stop", async ({ signedIn: page }) => {
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox", { name: "Search or run" })).toBeFocused();
  await page.keyboard.type("stubborn");
  await expect(page.getByRole("dialog").getByRole("option", { selected: true })).toContainText("Stubborn");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("log")).toContainText("still here");
  await page.keyboard.press("x");
  await expect(page.getByRole("dialog").getByRole("button", { name: "Stop", exact: true })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main header")).toContainText("cancelled");
  await expect(page.getByRole("complementary", { name: "Details" })).toContainText(/processes reaped/);

  // The same with Tab alone, from the top of the page.
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  const run = page.getByRole("button", { name: "Stubborn", exact: true });
  await expect(run).toBeVisible();
  for (let i = 0; i < 60 && !(await run.evaluate((e) => e === document.activeElement)); i++)
    await page.keyboard.press("Tab");
  await expect(run).toBeFocused();
  await page.keyboard.press("Enter");
  const stop = page.getByRole("article", { name: /stubborn/ }).getByRole("button", { name: "Stop" });
  await expect(stop).toBeVisible();
  for (let i = 0; i < 60 && !(await stop.evaluate((e) => e === document.activeElement)); i++)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(
    page.getByRole("table", { name: "Recent runs" }).getByRole("row", { name: /stubborn/ }),
  ).toHaveCount(2);
});

test("nothing moves for those who do not want it", async ({ signedIn: page, server }) => {
  await server.run("counter", { lines: 100_000, rate: 20 });
  await expect(page.getByRole("article", { name: /counter/ })).toBeVisible();
  const moving = () => page.evaluate(() => document.getAnimations().length);
  await expect.poll(moving).toBeGreaterThan(0);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await expect.poll(moving).toBe(0);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  expect(await moving()).toBe(0);
});
