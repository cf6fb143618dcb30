/**
 * Calls back when waiting has lost its sense: the network is there again, or has gone, or the page is
 * looked at again (its timers may have slept meanwhile). Returns the function that stops it. Does nothing where
 * there is no page.
 */
export function onWake(callback: (why: "online" | "offline" | "visible") => void): () => void {
  const online = () => callback("online");
  const offline = () => callback("offline");
  const visible = () => {
    if (document.visibilityState === "visible") callback("visible");
  };
  const page = typeof document === "undefined" ? undefined : document;
  const host = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  host?.addEventListener("online", online);
  host?.addEventListener("offline", offline);
  page?.addEventListener("visibilitychange", visible);
  return () => {
    host?.removeEventListener("online", online);
    host?.removeEventListener("offline", offline);
    page?.removeEventListener("visibilitychange", visible);
  };
}
