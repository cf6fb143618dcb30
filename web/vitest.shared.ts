import { fileURLToPath } from "node:url";
import type { ViteUserConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * What every project's vitest.config.ts merges in: tests read the packages' sources, so that no
 * test ever runs against a stale build.
 */
export const shared: ViteUserConfig = {
  resolve: {
    alias: [
      { find: /^@claudeops\/client$/, replacement: at("./packages/client/src/index.ts") },
      { find: /^@claudeops\/model$/, replacement: at("./packages/model/src/index.ts") },
      {
        find: /^@claudeops\/react\/styles\.css$/,
        replacement: at("./packages/react/src/styles.css"),
      },
      { find: /^@claudeops\/react$/, replacement: at("./packages/react/src/index.ts") },
      { find: /^@claudeops\/testing$/, replacement: at("./packages/testing/src/index.ts") },
    ],
  },
};
