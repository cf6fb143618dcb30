import { fileURLToPath } from "node:url";
import { mergeConfig } from "vitest/config";
import config from "./vitest.config.ts";

const modules = fileURLToPath(new URL("./react18/node_modules/", import.meta.url));

/** The same tests on the oldest React that is promised. */
export default mergeConfig(config, {
  resolve: {
    alias: [{ find: /^(react|react-dom|@testing-library\/react)($|\/)/, replacement: `${modules}$1$2` }],
  },
  test: {
    name: "react 18",
    env: { VITEST_REACT: "18" },
    include: ["test/**/*.test.tsx"],
  },
});
