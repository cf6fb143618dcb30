/** Where the page lives: the server says it in <base>, so it works under any path. */
export const baseUrl: URL = new URL(document.baseURI);

/** The path in front of every page, without a trailing slash. */
export const basePath: string = baseUrl.pathname.replace(/\/+$/, "");

/** An address of the server, e.g. `api/session`. */
export function serverUrl(path: string): string {
  return new URL(path, baseUrl).href;
}
