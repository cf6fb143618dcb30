/** What the app's server is told. None of it reaches the browser unless a page passes it on. */
function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: see README.md`);
  return value;
}

export const environment = {
  /** Where the ClaudeOps server is, without a trailing slash. */
  get url(): string {
    return needed("CLAUDEOPS_URL").replace(/\/+$/, "");
  },
  /** A token of the server, for what this app asks of it in its own name. */
  get token(): string {
    return needed("CLAUDEOPS_TOKEN");
  },
  /** Shared with the server (`--jwt-secret-file`), to make tokens for browsers. 32 bytes or more. */
  get jwtSecret(): string {
    return needed("CLAUDEOPS_JWT_SECRET");
  },
};
