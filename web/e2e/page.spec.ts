import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { expect, signIn, test } from "./server.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const findings = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } };
    return (await axe.run()).violations;
  });
  return findings
    .filter((finding) => finding.impact === "serious" || finding.impact === "critical")
    .flatMap((finding) =>
      finding.nodes.map(
        (node) => `${finding.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 300)}`,
      ),
    );
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing serious on any page, ${colorScheme}`, async ({ page, server }) => {
    test.setTimeout(120_000);
    await page.emulateMedia({ colorScheme });
    await page.goto(`${server.url}/`);
    await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
    expect(await seriousFindings(page)).toEqual([]);
    await signIn(page, server);
    const talker = await server.run("talker");
    const health = await server.run("system-health");
    await server.run("failing");
    await server.ended(talker);
    await server.ended(health);
    await server.run("counter", { lines: 100_000, rate: 20 });
    for (const path of [
      "/",
      "/executions",
      "/executions?in=lines&q=filler",
      "/agents",
      "/agents/asker",
      "/system",
      `/executions/${talker}#L10`,
      `/executions/${health}`,
    ]) {
      await page.goto(`${server.url}${path}`);
      await expect(page.getByText("Live", { exact: true })).toBeVisible();
      await expect(page.locator("main")).not.toContainText("Loading");
      if (path.includes("#L")) await expect(page.locator(".cops-row[data-selected]")).toBeVisible();
      expect(await seriousFindings(page), path).toEqual([]);
    }
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
    expect(await seriousFindings(page), "keys").toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await expect(page.getByRole("dialog", { name: "Search or run" })).toBeVisible();
    expect(await seriousFindings(page), "palette").toEqual([]);
  });
}

test("dark and light follow the system, or what one chose, in every tab", async ({
  signedIn: page,
  server,
  context,
}) => {
  const ground = (p: Page) => p.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ground(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground(page);
  expect(dark).not.toBe(light);

  const other = await context.newPage();
  await other.emulateMedia({ colorScheme: "dark" });
  await other.goto(`${server.url}/`);
  await page.getByRole("button", { name: /Theme: system/ }).click();
  expect(await ground(page)).toBe(light);
  await expect.poll(() => ground(other)).toBe(light);
  await page.reload();
  expect(await ground(page)).toBe(light);
});

test("a phone: one column, nothing runs over the edge, Stop in reach", async ({ browser, server }) => {
  test.setTimeout(120_000);
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  const page = await context.newPage();
  await signIn(page, server);
  const id = await server.run("stubborn");
  const wide = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const path of ["/", "/executions", "/agents", "/agents/asker", "/system", `/executions/${id}`]) {
    await page.goto(`${server.url}${path}`);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await expect(page.locator("main")).toBeVisible();
    expect(await wide(), path).toBe(0);
  }
  await expect(page.getByRole("button", { name: "Wrap" })).toHaveAttribute("aria-pressed", "true");
  const stop = page.getByRole("button", { name: "Stop" });
  const box = await stop.boundingBox();
  expect(box?.height).toBeGreaterThanOrEqual(40);
  await page.getByRole("button", { name: "Details" }).tap();
  await expect(page.getByRole("complementary", { name: "Details" })).toContainText("by owner from the API");
  await stop.tap();
  await expect(page.locator("main header")).toContainText(/stopping|cancelled/);
  await context.close();
});

test("keys go everywhere, the palette runs and finds", async ({ signedIn: page, server }) => {
  await server.ended(await server.run("failing"));
  await page.keyboard.press("g");
  await page.keyboard.press("h");
  await expect(page).toHaveURL(`${server.url}/executions`);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/executions\/[0-9a-z]{26}/);
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page).toHaveURL(`${server.url}/`);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox", { name: "Search or run" })).toBeFocused();
  await page.keyboard.type("talk");
  await expect(page.getByRole("dialog").getByRole("option", { selected: true })).toContainText("Talker");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/executions\/[0-9a-z]{26}/);
  await expect(page.locator("main h1")).toHaveText("talker");
});

test("history keeps its filters in the address and stops many at once", async ({
  signedIn: page,
  server,
}) => {
  await server.ended(await server.run("failing"));
  await server.ended(await server.run("talker"));
  const ids = [await server.run("stubborn"), await server.run("stubborn")];
  await page.goto(`${server.url}/executions`);
  const rows = page.getByRole("table", { name: "Runs", exact: true }).locator("tbody tr");
  await expect(rows).toHaveCount(4);
  await page.getByRole("combobox", { name: "State" }).selectOption("failed");
  await expect(rows).toHaveCount(1);
  await expect(page).toHaveURL(/status=failed/);
  await page.reload();
  await expect(rows).toHaveCount(1);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("searchbox").fill("talker");
  await expect(rows).toHaveCount(1);
  await page.goto(`${server.url}/executions`);
  await page.getByRole("button", { name: "Choose…" }).click();
  await page.getByRole("checkbox", { name: /All that run/ }).check();
  await page.getByRole("button", { name: "Stop 2 runs" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop them" }).click();
  for (const id of ids) expect((await server.ended(id)).status).toBe("cancelled");
});

test("history looks into every line of every run, and each hit leads to its place", async ({
  signedIn: page,
  server,
}) => {
  for (let i = 0; i < 3; i++) await server.ended(await server.run("talker"));
  const failing = await server.run("failing");
  await server.ended(failing);
  await page.goto(`${server.url}/executions`);
  await page.getByRole("button", { name: "Lines" }).click();
  await expect(page.getByRole("heading", { name: "Look into every log" })).toBeVisible();
  await page.getByRole("searchbox", { name: "Find in every log" }).fill("needle");
  await expect(page.getByText("18 lines in 3 runs")).toBeVisible();
  await expect(page).toHaveURL(/in=lines/);
  await expect(page).toHaveURL(/q=needle/);
  const runs = page.getByRole("article", { name: "talker" });
  await expect(runs).toHaveCount(3);
  await expect(runs.first().locator("mark").first()).toHaveText("needle");
  await runs.first().getByRole("button", { name: "1 more line" }).click();
  await expect(runs.first().locator("mark")).toHaveCount(6);

  await page.getByRole("searchbox", { name: "Find in every log" }).fill("NEED.E");
  await expect(page.getByRole("heading", { name: "No lines match" })).toBeVisible();
  await page.getByRole("button", { name: "Regular expression" }).click();
  await expect(page.getByText("18 lines in 3 runs")).toBeVisible();
  await page.getByRole("button", { name: "Match case" }).click();
  await expect(page.getByRole("heading", { name: "No lines match" })).toBeVisible();
  await page.getByRole("button", { name: "Match case" }).click();
  await page.getByRole("combobox", { name: "Agent" }).selectOption("failing");
  await expect(page.getByRole("heading", { name: "No lines match" })).toBeVisible();
  await page.getByRole("combobox", { name: "Agent" }).selectOption("");
  await page.getByRole("searchbox", { name: "Find in every log" }).fill("(");
  await expect(page.getByRole("alert")).toContainText("The search ended early");
  await page.getByRole("searchbox", { name: "Find in every log" }).fill("will not do");
  await expect(page.getByRole("article", { name: "failing" })).toBeVisible();
  await page.reload();
  await page
    .getByRole("article", { name: "failing" })
    .getByRole("link", { name: /this will not do/ })
    .click();
  await expect(page).toHaveURL(new RegExp(`${failing}#L\\d+$`));
  await expect(page.locator(".cops-row[data-selected]")).toContainText("this will not do");
});

test("a search of every log is ended when one says so, or looks for something else", async ({
  signedIn: page,
  server,
}) => {
  await server.ended(await server.run("talker"));
  // Held back, as many long logs would.
  await page.route(/api\/search\?query=needle/, () => {});
  const ended = new Set<string | null>();
  page.on("requestfailed", (request) => {
    if (request.url().includes("api/search")) ended.add(new URL(request.url()).searchParams.get("query"));
  });
  const box = page.getByRole("searchbox", { name: "Find in every log" });
  await page.goto(`${server.url}/executions?in=lines&q=needle`);
  await expect(page.getByText("Looking…")).toBeVisible();
  await page.getByRole("button", { name: "Stop looking" }).click();
  await expect(page.getByRole("heading", { name: "Nothing found until then" })).toBeVisible();
  await expect.poll(() => [...ended]).toEqual(["needle"]);
  await box.fill("needles");
  await expect(page.getByText("Looking…")).toBeVisible();
  await box.fill("plain text");
  await expect(page.getByText("1 line in 1 run")).toBeVisible();
  // The last one may be let go of, too, once it has said all.
  await expect.poll(() => [...ended].slice(0, 2)).toEqual(["needle", "needles"]);
});

test.describe("under a base path", () => {
  test.use({ basePath: "/ops" });

  test("everything works as it does at the root", async ({ page, server }) => {
    await page.goto(server.link);
    await expect(page).toHaveURL(`${server.url}/`);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await page.getByRole("link", { name: "Agents" }).first().click();
    await expect(page).toHaveURL(`${server.url}/agents`);
    await page.goto(`${server.url}/agents/asker`);
    await expect(page.getByRole("heading", { name: "Asker" })).toBeVisible();
    await page.goto(`${server.url}/nowhere`);
    await expect(page.getByRole("heading", { name: "There is no such page" })).toBeVisible();
  });
});
