/** Whether this is a development build: bundlers put the answer in place of the question. */
const development = ((): boolean => {
  try {
    return process.env.NODE_ENV !== "production";
  } catch {
    return false; // no bundler, and no Node
  }
})();

const said = new Set<string>();

/** Tells a developer of a usual mistake, once; nothing in production. `key` says which mistake it is. */
export function warnOnce(key: string, message: string): void {
  if (!development || said.has(key)) return;
  said.add(key);
  // biome-ignore lint/suspicious/noConsole: it is meant for the console
  console.warn(`@claudeops/react: ${message}`);
}

/** What only a development build looks at. */
export function inDevelopment(look: () => void): void {
  if (development) look();
}

declare const process: { readonly env: { readonly NODE_ENV?: string } };
