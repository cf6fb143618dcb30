import { useSyncExternalStore } from "react";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "failed";
  /** Where pressing it leads. */
  readonly executionId?: string;
}

let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Says something that passes by itself; errors stay longer. */
export function say(text: string, more: Partial<Omit<Toast, "id" | "text">> = {}): void {
  const toast: Toast = { tone: "plain", ...more, id: ++last, text };
  set([...toasts.slice(-2), toast]);
  setTimeout(() => dismiss(toast.id), toast.tone === "failed" ? 10_000 : 5000);
}

export function sayError(error: unknown): void {
  say(error instanceof Error ? error.message : String(error), { tone: "failed" });
}

export function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
}
