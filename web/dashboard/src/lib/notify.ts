import type { ExecutionRecord } from "@claudeops/client";
import { useExecutions } from "@claudeops/react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { summaryOf, toneOf } from "./words.ts";

const KEY = "claudeops.notify";
const listeners = new Set<() => void>();

function watched(): ReadonlySet<string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return new Set(Array.isArray(stored) ? stored.map(String) : []);
  } catch {
    return new Set();
  }
}

function keep(ids: ReadonlySet<string>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...ids].slice(-50)));
  } catch {
    // Without storage there is nothing to remember.
  }
  for (const listener of listeners) listener();
}

/** Whether notifications can be had at all. */
export const canNotify: boolean = "Notification" in window;

/** Asks the browser, then remembers that this run's end is wanted. Gives false when the browser says no. */
export async function watchEnd(executionId: string, wanted: boolean): Promise<boolean> {
  const ids = new Set(watched());
  if (!wanted) {
    ids.delete(executionId);
    keep(ids);
    return true;
  }
  if (!canNotify || (await Notification.requestPermission()) !== "granted") return false;
  ids.add(executionId);
  keep(ids);
  return true;
}

function subscribe(listener: () => void): () => void {
  // Another tab may have asked, or have told of the end.
  const onStorage = (event: StorageEvent) => {
    if (event.key === KEY) listener();
  };
  listeners.add(listener);
  window.addEventListener("storage", onStorage);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", onStorage);
  };
}

export function useWatched(executionId: string): boolean {
  return useSyncExternalStore(subscribe, () => watched().has(executionId));
}

/** Milliseconds within which every tab has heard of an end. */
const HEARD = 30_000;

/**
 * Acts in one tab of those that hear of the same: whoever has the lock first, and keeps it until all have.
 * What tabs write to the storage reaches the others too late for that.
 */
async function first(id: string, act: () => void): Promise<void> {
  if (!navigator.locks) return act();
  await navigator.locks.request(`claudeops.notify.${id}`, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    act();
    await new Promise((resolve) => setTimeout(resolve, HEARD));
  });
}

/** Shows a notification when a run ends whose end is wanted. One tab of many shows it. */
export function useEndNotifications(open: (executionId: string) => void): void {
  const { records } = useExecutions();
  const before = useRef<ReadonlyMap<string, ExecutionRecord>>(new Map());
  useEffect(() => {
    const known = before.current;
    before.current = records;
    if (!canNotify || Notification.permission !== "granted") return;
    const wanted = watched();
    if (wanted.size === 0) return;
    for (const [id, record] of records) {
      if (!record.terminal || !wanted.has(id) || known.get(id)?.terminal === true) continue;
      const rest = new Set(watched());
      if (!rest.delete(id)) continue;
      keep(rest);
      void first(id, () => {
        const note = new Notification(`${record.agentType}: ${toneOf(record)}`, {
          body: summaryOf(record),
          tag: id,
        });
        note.onclick = () => {
          window.focus();
          open(id);
          note.close();
        };
      });
    }
  }, [records, open]);
}
