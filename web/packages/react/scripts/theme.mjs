// Writes the two themes into src/styles.css, between `/* theme */` and `/* end of the theme */`. With --check it
// only says whether they are the same.
//
// Which of the two holds is read off the colour `Canvas`, which follows `color-scheme` wherever it is set.
// light-dark() would do the same, but bundlers rewrite it to what follows the page's root only.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Lightness, chroma and hue by light and by dark. */
const colours = {
  bg: [
    [0.985, 0.002, 250],
    [0.165, 0.012, 260],
  ],
  panel: [
    [1, 0, 0],
    [0.195, 0.013, 260],
  ],
  sunken: [
    [0.965, 0.003, 250],
    [0.14, 0.012, 260],
  ],
  hover: [
    [0.945, 0.004, 250],
    [0.24, 0.014, 260],
  ],
  line: [
    [0.905, 0.006, 250],
    [0.285, 0.014, 260],
  ],
  "line-strong": [
    [0.8, 0.008, 250],
    [0.42, 0.016, 260],
  ],
  ink: [
    [0.23, 0.015, 260],
    [0.93, 0.006, 250],
  ],
  "ink-2": [
    [0.44, 0.015, 260],
    [0.74, 0.012, 255],
  ],
  "ink-3": [
    [0.52, 0.012, 260],
    [0.64, 0.013, 258],
  ],
  accent: [
    [0.52, 0.19, 268],
    [0.74, 0.135, 268],
  ],
  "accent-ink": [
    [0.99, 0, 0],
    [0.17, 0.03, 268],
  ],
  "accent-wash": [
    [0.955, 0.022, 268],
    [0.255, 0.05, 268],
  ],
  queued: [
    [0.52, 0.03, 260],
    [0.7, 0.03, 260],
  ],
  completed: [
    [0.5, 0.13, 152],
    [0.77, 0.15, 152],
  ],
  warning: [
    [0.52, 0.12, 70],
    [0.82, 0.14, 80],
  ],
  failed: [
    [0.53, 0.2, 25],
    [0.73, 0.16, 22],
  ],
  cancelled: [
    [0.5, 0.02, 300],
    [0.68, 0.03, 300],
  ],
  mark: [
    [0.86, 0.13, 85],
    [0.48, 0.1, 75],
  ],
  // The sixteen colours of a terminal, readable on the log's ground in both themes.
  "ansi-0": [
    [0.3, 0.01, 260],
    [0.55, 0.01, 260],
  ],
  "ansi-1": [
    [0.53, 0.2, 25],
    [0.73, 0.16, 22],
  ],
  "ansi-2": [
    [0.5, 0.13, 152],
    [0.77, 0.15, 152],
  ],
  "ansi-3": [
    [0.52, 0.12, 70],
    [0.82, 0.14, 80],
  ],
  "ansi-4": [
    [0.5, 0.17, 255],
    [0.74, 0.13, 250],
  ],
  "ansi-5": [
    [0.52, 0.19, 325],
    [0.76, 0.14, 325],
  ],
  "ansi-6": [
    [0.5, 0.09, 215],
    [0.79, 0.1, 205],
  ],
  "ansi-7": [
    [0.5, 0.01, 260],
    [0.84, 0.006, 260],
  ],
  "ansi-8": [
    [0.52, 0.012, 260],
    [0.64, 0.013, 258],
  ],
  "ansi-9": [
    [0.55, 0.23, 27],
    [0.76, 0.18, 24],
  ],
  "ansi-10": [
    [0.5, 0.15, 150],
    [0.83, 0.18, 150],
  ],
  "ansi-11": [
    [0.52, 0.13, 80],
    [0.88, 0.15, 90],
  ],
  "ansi-12": [
    [0.5, 0.22, 262],
    [0.78, 0.13, 255],
  ],
  "ansi-13": [
    [0.54, 0.22, 330],
    [0.8, 0.16, 328],
  ],
  "ansi-14": [
    [0.5, 0.1, 200],
    [0.86, 0.11, 200],
  ],
  "ansi-15": [
    [0.23, 0.015, 260],
    [0.97, 0, 0],
  ],
};

const round = (value) => Number(value.toFixed(4));
/** A number that is one thing by day and another by night. */
const either = (light, dark) => {
  const more = round(light - dark);
  if (more === 0) return String(light);
  return `calc(${dark} ${more < 0 ? "-" : "+"} ${Math.abs(more)} * var(--cops-day))`;
};
const plain = (by) =>
  Object.entries(colours)
    .map(([name, pair]) => `--cops-${name}: oklch(${pair[by].join(" ")});`)
    .join("\n");
const both = Object.entries(colours)
  .map(([name, [light, dark]]) => {
    const parts = light.map((value, i) => either(value, dark[i]));
    return `--cops-${name}: oklch(from Canvas ${parts.join(" ")});`;
  })
  .join("\n");
const indent = (text, by) => text.replaceAll(/^/gm, " ".repeat(by));

const theme = `/* theme */
:where(:root, :host) {
${indent(plain(0), 2)}
}
@media (prefers-color-scheme: dark) {
  :where(:root, :host) {
${indent(plain(1), 4)}
  }
}
@supports (color: oklch(from Canvas l c h)) {
  :where(:root, :host) {
    /* 1 where color-scheme is light, 0 where it is dark. */
    --cops-day: clamp(0, (l - 0.5) * 100, 1);
${indent(both, 4)}
  }
}
/* end of the theme */`;

/** Without white space, which is the formatter's. */
const bare = (text) => text.replaceAll(/\s+/g, "");

const file = fileURLToPath(new URL("../src/styles.css", import.meta.url));
const before = readFileSync(file, "utf8");
const after = before.replace(/\/\* theme \*\/[\s\S]*?\/\* end of the theme \*\//, () => theme);
if (!process.argv.includes("--check")) writeFileSync(file, after);
else if (bare(after) !== bare(before)) {
  process.stderr.write("styles.css does not hold the themes as they are: run node scripts/theme.mjs\n");
  process.exitCode = 1;
}
