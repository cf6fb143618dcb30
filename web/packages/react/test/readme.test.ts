import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "vitest";

test("README shows the examples as they are compiled", () => {
  execFileSync(
    process.execPath,
    [fileURLToPath(new URL("../scripts/readme.mjs", import.meta.url)), "--check"],
    { stdio: "pipe" },
  );
});
