/** A server's base address: with its base path, a trailing slash, and nothing secret. */
export function baseAddress(url: string | URL | undefined): URL {
  let base: URL;
  try {
    base = absolute(url ?? "./");
  } catch {
    throw new TypeError(
      url === undefined
        ? "claudeops: there is no page here whose server could be meant; give the server's url, e.g. http://127.0.0.1:3000"
        : `claudeops: ${JSON.stringify(String(url))} is not an address; give one like http://127.0.0.1:3000`,
    );
  }
  if (base.protocol === "ws:") base.protocol = "http:";
  if (base.protocol === "wss:") base.protocol = "https:";
  if (base.protocol !== "http:" && base.protocol !== "https:") {
    throw new TypeError(
      `claudeops: the server's address must begin with http:// or https://, got ${base.protocol}//`,
    );
  }
  if (base.username || base.password) {
    throw new TypeError("claudeops: a credential does not belong in the address; give it as credential");
  }
  base.search = base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

function absolute(url: string | URL): URL {
  try {
    return new URL(url);
  } catch {
    return new URL(url, pageAddress());
  }
}

/** What a page's relative addresses mean: its `<base>`, or its origin. */
function pageAddress(): string {
  if (typeof document === "undefined") return "";
  return document.querySelector("base")?.href ?? document.location.origin;
}

/** An address below the base, for HTTP. */
export function httpAddress(base: URL, path: string, query?: URLSearchParams): string {
  const url = new URL(path, base);
  // The path may have a query of its own.
  const search = query?.toString() ?? "";
  if (search !== "") url.search = search;
  return url.href;
}

/** An address below the base, for a WebSocket. */
export function webSocketAddress(base: URL, path: string, query?: URLSearchParams): string {
  return httpAddress(base, path, query).replace(/^http/, "ws");
}
