import { defineConfig, mergeConfig } from "vitest/config";
import { shared } from "../../vitest.shared.ts";

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      name: "testing",
      include: ["test/**/*.test.{ts,tsx}"],
      // Machines may be busy; what hangs is still found.
      testTimeout: 60_000,
    },
  }),
);
