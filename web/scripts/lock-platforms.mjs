// Adds to package-lock.json the platform packages that an install on this machine could not see, so
// that `npm ci` finds the lock complete on every platform. Run it after a change of dependencies:
//   npm install && node scripts/lock-platforms.mjs
// With a folder it does the same to the lock there: node scripts/lock-platforms.mjs ../examples/nextjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const file = join(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)), "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));
const systems = ["android", "darwin", "freebsd", "linux", "win32"];
const processors = ["arm64", "arm", "x64", "ia32", "wasm32", "ppc64", "riscv64", "s390x"];
let added = 0;
for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (Object.keys(lock.packages).some((known) => known.endsWith(`node_modules/${name}`))) continue;
    const parts = name.split(/[/-]/);
    const os = systems.filter((s) => parts.includes(s));
    const cpu = processors.filter((p) => parts.includes(p));
    if (os.length + cpu.length === 0)
      throw new Error(`${path} wants ${name}, which the lock lacks and whose name says no platform`);
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(cpu.length > 0 && { cpu }),
      ...(lock.packages[path].dev && { dev: true }),
      ...(parts.some((p) => p.startsWith("musl")) && { libc: ["musl"] }),
      license: "MIT",
      optional: true,
      ...(os.length > 0 && { os }),
    };
    added++;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} platform packages added\n`);
