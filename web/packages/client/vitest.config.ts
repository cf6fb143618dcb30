import { defineConfig, mergeConfig } from "vitest/config";
import { shared } from "../../vitest.shared.ts";

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      name: "client",
      include: ["test/**/*.test.ts"],
      // A machine under load is slow, not wrong.
      testTimeout: 120_000,
    },
  }),
);
