import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test as base, expect } from "@playwright/test";
import { freePort, Server } from "./server.ts";

const example = fileURLToPath(new URL("../../examples/nextjs/", import.meta.url));
const secret = "a secret of the tests, thirty-two bytes or more";

interface App {
  readonly url: string;
  readonly server: Server;
}

const test = base.extend<object, { app: App }>({
  app: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from its pattern
    async ({}, use) => {
      execFileSync(fileURLToPath(new URL("../../scripts/nextjs.sh", import.meta.url)), {
        stdio: ["ignore", "ignore", "inherit"],
      });

      const port = await freePort();
      const url = `http://localhost:${port}`;
      const dir = await mkdtemp(join(tmpdir(), "claudeops-next-"));
      await writeFile(join(dir, "secret"), secret, { mode: 0o600 });
      const server = await Server.open({
        args: ["--jwt-secret-file", join(dir, "secret"), "--allow-origin", url],
      });
      const next = spawn(
        process.execPath,
        [join(example, "node_modules/next/dist/bin/next"), "start", "-p", String(port)],
        {
          cwd: example,
          env: {
            ...process.env,
            NEXT_TELEMETRY_DISABLED: "1",
            CLAUDEOPS_URL: server.url,
            CLAUDEOPS_TOKEN: await server.token(),
            CLAUDEOPS_JWT_SECRET: secret,
          },
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      await ready(next, url);
      await use({ url, server });
      const gone = once(next, "exit");
      next.kill("SIGTERM");
      await gone;
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
    { scope: "worker", timeout: 600_000 },
  ],
});

async function ready(next: ChildProcess, url: string): Promise<void> {
  for (;;) {
    if (next.exitCode !== null) throw new Error(`next start ended with ${next.exitCode}`);
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// One worker, one app.
test.describe.configure({ mode: "default" });

for (const way of ["direct", "proxied"] as const) {
  test(`a quick action, what runs, its log and Stop inside a Next.js app, ${way}`, async ({ page, app }) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    const elsewhere: string[] = [];
    const ours = way === "direct" ? [app.url, app.server.url] : [app.url];
    page.on("request", (request) => {
      if (!ours.includes(new URL(request.url()).origin)) elsewhere.push(request.url());
    });
    const answer = await page.goto(`${app.url}/${way}`);
    expect(answer?.headers()["content-security-policy"]).toMatch(
      /script-src 'self' 'nonce-[^']+' 'strict-dynamic'; style-src 'self';/,
    );
    await expect(page.getByText("Live", { exact: true })).toBeVisible();

    await page.getByRole("button", { name: "Check this machine" }).click();
    const log = page.getByRole("log");
    await expect(log).toContainText("Completed", { timeout: 60_000 });
    await expect(page.getByRole("region", { name: "Recent" })).toContainText("system-health");

    await page.getByRole("button", { name: "Counter…" }).click();
    await page.locator("input[name=rate]").fill("100");
    await page.locator("input[name=lines]").fill("100000");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    const active = page.getByRole("region", { name: "Active executions" });
    await expect(active).toContainText("counter");
    const last = page.locator(".cops-row").last();
    await expect.poll(async () => Number(await last.getAttribute("data-seq"))).toBeGreaterThan(150);
    await active.getByRole("button", { name: "Stop" }).click();
    await expect(active).toContainText("Nothing runs.", { timeout: 60_000 });
    await expect(log).toContainText("Stopped by");
    // Refused by the policy would be an error as well.
    expect(errors).toEqual([]);
    expect(elsewhere).toEqual([]);

    // What the browser is given must not hold the server's own token.
    expect(await page.content()).not.toContain(await app.server.token());
  });
}

test("the app passes on what its page needs, for its own pages, and nothing else", async ({
  app,
  request,
}) => {
  expect((await request.get(`${app.url}/ops/metrics`)).status()).toBe(403);
  expect((await request.post(`${app.url}/ops/api/tickets`)).status()).toBe(403);
  expect(
    (
      await request.post(`${app.url}/ops/api/executions`, {
        data: { agentType: "system-health" },
        headers: { "sec-fetch-site": "cross-site" },
      })
    ).status(),
  ).toBe(403);
  expect(
    (await request.post(`${app.url}/api/token`, { headers: { "sec-fetch-site": "cross-site" } })).status(),
  ).toBe(403);
});
