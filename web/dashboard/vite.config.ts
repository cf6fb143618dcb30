import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What of the packages is wanted only where a log or a form is. */
const LATER =
  /packages\/(model\/src\/(form|log|transcript)|react\/src\/components\/(agent-form|agent-dashboard|approval-card|log-|menu|transcript|rich-text|use-log-copy|clipboard))/;

/** Whether the entry reaches a module without an import(). A package's index reaches all of it. */
function isFirst(
  id: string,
  modules: { getModuleInfo(id: string): { isEntry: boolean; importers: readonly string[] } | null },
  seen = new Set<string>(),
): boolean {
  if (seen.has(id) || LATER.test(id)) return false;
  seen.add(id);
  const info = modules.getModuleInfo(id);
  return info !== null && (info.isEntry || info.importers.some((from) => isFirst(from, modules, seen)));
}

/** Below this a compressed form saves no packet. */
const MIN_COMPRESSED = 1024;

/** Writes each asset's compressed forms beside it, as small as they get: the server sends what the browser takes. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir = "dist" }, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        if (!/\.(js|css|svg|json|webmanifest|txt)$/.test(name)) continue;
        const body = Buffer.from(file.type === "chunk" ? file.code : file.source);
        if (body.length < MIN_COMPRESSED) continue;
        writeFileSync(join(dir, `${name}.gz`), gzipSync(body, { level: 9 }));
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
        };
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(body, { params }));
      }
    },
  };
}

// The packages are taken from their sources, so that the page never runs against a stale build.
export default defineConfig({
  // Relative: the server says in <base> where the page lives.
  base: "./",
  plugins: [react(), tailwindcss(), compressed()],
  resolve: {
    alias: [
      { find: /^@claudeops\/client$/, replacement: at("../packages/client/src/index.ts") },
      { find: /^@claudeops\/model$/, replacement: at("../packages/model/src/index.ts") },
      { find: /^@claudeops\/react\/styles\.css$/, replacement: at("../packages/react/src/styles.css") },
      { find: /^@claudeops\/react$/, replacement: at("../packages/react/src/index.ts") },
    ],
  },
  build: {
    target: "es2022",
    // A data: font or image would be fine, but the policy allows no inline script or style.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Relative colours are what both themes stand on; they must reach the browser as they are.
    cssTarget: ["chrome123", "firefox128", "safari18"],
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // One file of all that is needed at once packs smaller than a dozen, and is one request.
        codeSplitting: {
          groups: [{ debugName: "first", name: (id, modules) => (isFirst(id, modules) ? "first" : null) }],
        },
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: process.env.CLAUDEOPS_URL
      ? {
          "/api": { target: process.env.CLAUDEOPS_URL, ws: true, changeOrigin: true },
          "/login": { target: process.env.CLAUDEOPS_URL, changeOrigin: true },
        }
      : undefined,
  },
});
