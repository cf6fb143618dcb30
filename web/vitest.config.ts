import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

// One project per workspace that has tests. Each has its own vitest.config.ts and merges vitest.shared.ts.
const projects = [
  "packages/client",
  "packages/model",
  "packages/react",
  "packages/testing",
  "dashboard",
].filter((path) => existsSync(new URL(`${path}/vitest.config.ts`, import.meta.url)));

export default defineConfig({
  test: { projects },
});
