import { fileURLToPath } from "node:url";
import type { Browser, Page } from "@playwright/test";
import { expect, Server, signIn, test } from "./server.ts";

const folder = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));

const SIZES = {
  wide: { viewport: { width: 1280, height: 820 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
} as const;

test("every page, light and dark, wide and narrow", async ({ browser }) => {
  const server = await Server.open({ definitions: "demo" });
  try {
    for (const shot of await stage(browser, server)) {
      for (const colorScheme of ["light", "dark"] as const) {
        for (const size of ["wide", "phone"] as const) {
          const context = await browser.newContext({ colorScheme, ...SIZES[size] });
          const page = await context.newPage();
          if (shot.name !== "sign-in") await signIn(page, server);
          await page.goto(`${server.url}${shot.path}`);
          if (shot.name !== "sign-in") await expect(page.getByText("Live", { exact: true })).toBeVisible();
          await shot.act(page, size);
          await page.screenshot({ path: `${folder}${shot.name}-${colorScheme}-${size}.png` });
          await context.close();
        }
      }
    }
  } finally {
    await server.close();
  }
});

interface Shot {
  readonly name: string;
  readonly path: string;
  act(page: Page, size: "wide" | "phone"): Promise<void>;
}

/** Long enough for a few samples of the machine to have been drawn. */
const settle = (page: Page) => page.waitForTimeout(9000);

async function stage(browser: Browser, server: Server): Promise<Shot[]> {
  // The very first page, while nothing has run.
  for (const [colorScheme, size] of [
    ["light", "wide"],
    ["dark", "wide"],
    ["light", "phone"],
    ["dark", "phone"],
  ] as const) {
    const context = await browser.newContext({ colorScheme, ...SIZES[size] });
    const page = await context.newPage();
    await signIn(page, server);
    await page.goto(`${server.url}/`);
    await expect(page.getByRole("button", { name: "Check this machine" })).toBeVisible();
    await settle(page);
    await page.screenshot({ path: `${folder}first-run-${colorScheme}-${size}.png` });
    await context.close();
  }
  // The machine that takes the pictures is busy with it; a disk that fills up is the better example.
  const health = await server.run("system-health", {
    cpuWarnPercent: 100,
    cpuCriticalPercent: 100,
    loadWarnPerCore: 100,
    loadCriticalPerCore: 200,
    diskWarnPercent: 10,
  });
  await server.ended(health);
  await server.ended(await server.run("nightly-report"));
  await server.ended(await server.run("backup-check", { archives: 20, pause: 0.02 }));
  await server.ended(await server.run("disk-report"));
  const triage = await server.run("triage-logs");
  await expect.poll(async () => (await server.execution(triage)).status).toBe("running");
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await server.request(`/api/executions/${triage}/cancel`, { method: "POST", body: "{}" });
  await server.ended(triage);
  const review = await server.run("review-repo", {
    repository: "/srv/src/api",
    focus: "concurrency",
    token: "not-a-real-token",
  });
  await server.run("backup-check");
  await new Promise((resolve) => setTimeout(resolve, 20_000));

  const log = async (page: Page) => {
    await expect(page.locator(".cops-row").first()).toBeVisible();
    await page.waitForTimeout(1500);
  };
  return [
    {
      name: "sign-in",
      path: "/",
      act: async (page) => expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible(),
    },
    { name: "overview", path: "/", act: settle },
    {
      name: "execution",
      path: `/executions/${review}`,
      act: async (page, size) => {
        await log(page);
        await page.waitForTimeout(6000);
        if (size === "phone") return;
        await page.keyboard.press("/");
        await page.keyboard.type("catchUp");
        await expect(page.locator(".cops-find-count")).toContainText(" of ");
        await page.waitForTimeout(1500);
      },
    },
    {
      name: "report",
      path: `/executions/${health}`,
      act: async (page) => expect(page.getByRole("heading", { name: "Disks" })).toBeVisible(),
    },
    {
      name: "history",
      path: "/executions",
      act: async (page) => expect(page.getByRole("table").getByRole("row").nth(5)).toBeVisible(),
    },
    {
      name: "lines",
      path: "/executions?in=lines&q=catchUp",
      act: async (page) => expect(page.getByText(/lines in \d+ runs?/)).toBeVisible(),
    },
    {
      name: "agents",
      path: "/agents",
      act: async (page) => expect(page.getByText("Nightly report")).toBeVisible(),
    },
    {
      name: "agent",
      path: "/agents/review-repo",
      act: async (page) => expect(page.getByRole("table")).toBeVisible(),
    },
    { name: "system", path: "/system", act: settle },
    {
      name: "palette",
      path: "/",
      act: async (page) => {
        await page.keyboard.press("Control+k");
        await expect(page.getByRole("combobox", { name: "Search or run" })).toBeFocused();
        await page.keyboard.type("re");
        await page.waitForTimeout(700);
      },
    },
    {
      name: "run",
      path: "/",
      act: async (page) => {
        await page.getByRole("button", { name: /Review a repository/ }).click();
        await expect(page.getByRole("dialog")).toBeVisible();
        await page.waitForTimeout(400);
      },
    },
    {
      name: "keys",
      path: "/",
      act: async (page) => {
        await page.keyboard.press("?");
        await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
        await page.waitForTimeout(400);
      },
    },
  ];
}
