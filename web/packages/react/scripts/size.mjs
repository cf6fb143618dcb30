// Fails when a part of the package, bundled and minified as an app would, is larger than its budget.
// React and @claudeops/client are left out: the one is the app's, the other has a budget of its own.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const budgets = {
  everything: 46_500,
  "LogViewer only": 31_000,
  "Transcript only": 34_000,
  "provider and hooks": 7_000,
  "StatusBadge only": 900,
  "styles.css": 7_500,
};
const entries = {
  everything: `export * from "@claudeops/react";`,
  "LogViewer only": `import { LogViewer } from "@claudeops/react"; globalThis.x = LogViewer;`,
  "Transcript only": `import { Transcript } from "@claudeops/react"; globalThis.x = Transcript;`,
  "provider and hooks": `import { ClaudeOpsProvider, useAgentExecution, useConnection, useExecution, useExecutions, useLogStream } from "@claudeops/react"; globalThis.x = [ClaudeOpsProvider, useAgentExecution, useConnection, useExecution, useExecutions, useLogStream];`,
  "StatusBadge only": `import { StatusBadge } from "@claudeops/react"; globalThis.x = StatusBadge;`,
};
const dist = fileURLToPath(new URL("../dist/index.js", import.meta.url));
const model = fileURLToPath(new URL("../../model/dist/index.js", import.meta.url));

const sizes = new Map();
for (const [name, source] of Object.entries(entries)) {
  const result = await build({
    configFile: false,
    logLevel: "error",
    plugins: [
      {
        name: "entry",
        resolveId: (id) =>
          id === "virtual:entry"
            ? "\0entry"
            : id === "@claudeops/react"
              ? dist
              : id === "@claudeops/model"
                ? model
                : undefined,
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
        external: [/^react($|\/)/, /^react-dom($|\/)/, "@claudeops/client"],
        preserveEntrySignatures: "strict",
        output: { format: "es" },
      },
    },
  });
  sizes.set(name, [result].flat()[0].output[0].code);
}
sizes.set("styles.css", readFileSync(new URL("../dist/styles.css", import.meta.url), "utf8"));

let tooLarge = false;
for (const [name, code] of sizes) {
  const bytes = gzipSync(code, { level: 9 }).length;
  const budget = budgets[name];
  tooLarge ||= bytes > budget;
  process.stdout.write(
    `${name}: ${bytes} bytes gzipped (${code.length}), budget ${budget}${bytes > budget ? ": TOO LARGE" : ""}\n`,
  );
}
process.exitCode = tooLarge ? 1 : 0;
