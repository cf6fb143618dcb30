// Fails when the package, bundled and minified as an app would, is larger than its budget.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const budgets = { everything: 21_000, "connect only": 17_500, "REST only": 6_500 };
const entries = {
  everything: `export * from "@claudeops/client";`,
  "connect only": `import { connect } from "@claudeops/client"; globalThis.x = connect;`,
  "REST only": `import { createApi } from "@claudeops/client"; globalThis.x = createApi;`,
};
const dist = fileURLToPath(new URL("../dist/index.js", import.meta.url));

let tooLarge = false;
for (const [name, source] of Object.entries(entries)) {
  const result = await build({
    configFile: false,
    logLevel: "error",
    plugins: [
      {
        name: "entry",
        resolveId: (id) =>
          id === "virtual:entry" ? "\0entry" : id === "@claudeops/client" ? dist : undefined,
        load: (id) => (id === "\0entry" ? source : undefined),
      },
    ],
    build: {
      write: false,
      target: "es2022",
      minify: true,
      modulePreload: false,
      rolldownOptions: {
        input: "virtual:entry",
        preserveEntrySignatures: "strict",
        output: { format: "es" },
      },
    },
  });
  const code = [result].flat()[0].output[0].code;
  const bytes = gzipSync(code, { level: 9 }).length;
  const budget = budgets[name];
  tooLarge ||= bytes > budget;
  process.stdout.write(
    `${name}: ${bytes} bytes gzipped (${code.length} minified), budget ${budget}${bytes > budget ? ": TOO LARGE" : ""}\n`,
  );
}
process.exitCode = tooLarge ? 1 : 0;
