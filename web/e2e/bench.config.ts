import base from "./playwright.config.ts";

// Prints what the log viewer does with a journal of ten million lines:
// `npx playwright test -c e2e/bench.config.ts`. BENCH_LINES takes another number.
export default {
  ...base,
  projects: undefined,
  testMatch: "bench.ts",
  workers: 1,
  timeout: 600_000,
  use: { ...base.use, trace: "off" },
};
