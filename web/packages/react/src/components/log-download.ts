import { formatBytes } from "@claudeops/model";
import { useCallback, useEffect, useRef, useState } from "react";
import { useHub } from "../context.js";

/** How the raw bytes of a log are had. */
export interface LogDownload {
  readonly name: string;
  /** A link does; the browser brings its cookie. */
  readonly href?: string;
  /** The bytes are asked for with the credential, and given to the browser when they are here. */
  start?(): void;
  /** What to say of it now; null when nothing. */
  readonly said: string | null;
}

/**
 * Offers an execution's raw log. A link would carry no token, and no cookie to another origin, where the
 * browser also ignores its file name: then the bytes are fetched.
 */
export function useLogDownload(executionId: string, url: string | null | undefined): LogDownload | null {
  const hub = useHub();
  const [said, setSaid] = useState<string | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const name = `${executionId}.log`;
  const start = useCallback(async () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    try {
      setSaid("Downloading…");
      const answer = await hub.api.executions.log(executionId, { signal: controller.signal });
      const parts: BlobPart[] = [];
      let bytes = 0;
      const reader = answer.body?.getReader();
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) break;
        parts.push(part.value as BlobPart);
        bytes += part.value.length;
        setSaid(`Downloading… ${formatBytes(bytes)}`);
      }
      save(new Blob(parts, { type: "text/plain" }), name);
      setSaid(`${formatBytes(bytes)} downloaded`);
    } catch (error) {
      if (controller.signal.aborted) return;
      setSaid(`Not downloaded: ${error instanceof Error ? error.message : String(error)}`);
    }
  }, [hub, executionId, name]);
  useEffect(() => {
    if (said === null || said.startsWith("Downloading")) return;
    const timer = setTimeout(() => setSaid(null), 4000);
    return () => clearTimeout(timer);
  }, [said]);
  if (url === null || typeof window === "undefined") return null;
  if (url !== undefined) return { name, href: url, said };
  if (hub.api.linkable) return { name, href: hub.api.executions.logUrl(executionId), said };
  return { name, start: () => void start(), said };
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads it after the press.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
