import { useEffect, useRef } from "react";

/** Whether a key belongs to an input method; Safari tells of the last one only by its code. */
export function isComposing(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
  return event.isComposing || event.keyCode === 229;
}

/** Keys of the whole page: single ones, and `g` followed by another. Nothing while somebody types. */
export function useKeys(handlers: Readonly<Record<string, (event: KeyboardEvent) => void>>): void {
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    let prefixAt = Number.NEGATIVE_INFINITY; // a key of the first second is not one after g
    const onKey = (event: KeyboardEvent) => {
      const command = event.metaKey || event.ctrlKey;
      const target = event.target as HTMLElement | null;
      if (command && event.key.toLowerCase() === "k") {
        latest.current["mod+k"]?.(event);
        return;
      }
      // Keys that choose among what an input method offers are no keys of the page.
      if (isComposing(event)) return;
      if (command || event.altKey || event.defaultPrevented) return;
      if (target?.closest("input, textarea, select, [contenteditable=true], [role=dialog], [role=menu]"))
        return;
      const key = event.timeStamp - prefixAt < 1000 ? `g ${event.key}` : event.key;
      prefixAt = Number.NEGATIVE_INFINITY;
      const handler = latest.current[key];
      if (handler) {
        event.preventDefault();
        handler(event);
      } else if (event.key === "g") prefixAt = event.timeStamp;
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

export const isMac: boolean = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
