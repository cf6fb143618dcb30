/**
 * Calls back when waiting has lost its sense: the network is there again, or the page is looked at
 * again (its timers may have slept meanwhile). Returns the function that stops it. Does nothing where
 * there is no page.
 */
export function onWake(callback: (why: "online" | "visible") => void): () => void {
  const online = () => callback("online");
  const visible = () => {
    if (document.visibilityState === "visible") callback("visible");
  };
  const page = typeof document === "undefined" ? undefined : document;
  const host = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  host?.addEventListener("online", online);
  page?.addEventListener("visibilitychange", visible);
  return () => {
    host?.removeEventListener("online", online);
    page?.removeEventListener("visibilitychange", visible);
  };
}
