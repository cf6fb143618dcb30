import { defineConfig } from "@playwright/test";

// Debian's Chromium, driven without a sandbox only where it would be refused: as root.
const root = process.getuid?.() === 0;

export default defineConfig({
  testDir: ".",
  projects: [
    { name: "page", testMatch: "*.spec.ts" },
    // The example app, built before the first of its tests where it is not yet.
    { name: "nextjs", testMatch: "nextjs.ts" },
  ],
  outputDir: "../test-results",
  fullyParallel: true,
  workers: Number(process.env.E2E_WORKERS ?? 2),
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: process.env.CI
    ? [["list"], ["html", { open: "never", outputFolder: "../playwright-report" }]]
    : "list",
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 820 },
    locale: "en-US",
    timezoneId: "UTC",
    // A step that can't be done is told by itself, not by the whole test.
    actionTimeout: 30_000,
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        ...(root ? ["--no-sandbox"] : []),
        "--disable-background-networking",
        "--disable-quic",
        "--no-first-run",
      ],
    },
  },
});
