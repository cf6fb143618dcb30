// Checks what the browser must load before the page works: the entry and everything it imports
// statically, gzipped. Heavier parts are loaded when they are wanted.
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

// 150 KB, as the web counts: a thousand bytes each.
const LIMIT = 150_000;
const dist = new URL("../dist/", import.meta.url);
const assets = new URL("assets/", dist);

const html = await readFile(new URL("index.html", dist), "utf8");
const first = new Set();
const visit = async (name) => {
  if (first.has(name)) return;
  first.add(name);
  const code = await readFile(new URL(name, assets), "utf8");
  for (const match of code.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+\.js)["']/g)) await visit(match[1]);
};
for (const match of html.matchAll(/(?:src|href)="\.\/assets\/([^"]+\.js)"/g)) await visit(match[1]);

const sizes = new Map();
for (const name of await readdir(assets)) {
  if (name.endsWith(".js") || name.endsWith(".css"))
    sizes.set(name, gzipSync(await readFile(new URL(name, assets)), { level: 9 }).length);
}
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
let total = 0;
let styles = 0;
for (const [name, size] of [...sizes].sort((a, b) => b[1] - a[1])) {
  const eager = first.has(name);
  if (eager) total += size;
  if (name.endsWith(".css")) styles += size;
  process.stdout.write(`${eager ? "first " : "later "} ${kb(size).padStart(10)}  ${name}\n`);
}
process.stdout.write(
  `first load: ${kb(total)} of script gzipped (limit ${kb(LIMIT)}), ${kb(styles)} of style\n`,
);
if (total > LIMIT) {
  process.stderr.write("The first load is over its limit: load what is not needed at once with import().\n");
  process.exit(1);
}
if (first.size === 0) {
  process.stderr.write("No script was found in dist/index.html.\n");
  process.exit(1);
}
