// Puts the examples into README.md, where each stands between its comment and `<!-- end -->`.
// With --check it only says whether they are the same.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../README.md", import.meta.url));
const before = readFileSync(file, "utf8");
const after = before.replaceAll(
  /<!-- example: (\S+) -->\n[\s\S]*?<!-- end -->/g,
  (_, name) =>
    `<!-- example: ${name} -->\n\`\`\`tsx\n${readFileSync(new URL(`../examples/${name}`, import.meta.url), "utf8")}\`\`\`\n<!-- end -->`,
);
if (!process.argv.includes("--check")) writeFileSync(file, after);
else if (after !== before) {
  process.stderr.write("README.md does not show the examples as they are: run node scripts/readme.mjs\n");
  process.exitCode = 1;
}
