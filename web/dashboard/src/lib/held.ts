import type { ExecutionRecord } from "@claudeops/client";
import { useExecutions } from "@claudeops/react";
import { useRef, useState } from "react";

/** An order that is held, and how many changes wait until it is let go of. */
export interface HeldOrder {
  readonly order: readonly string[];
  readonly waiting: number;
}

/**
 * Keeps rows where they are: what was shown stays in its order, what came below is appended, and what
 * would have come above or gone is counted.
 */
export function holdOrder(held: readonly string[], now: readonly string[]): HeldOrder {
  const before = new Set(held);
  const lastHeld = now.findLastIndex((id) => before.has(id));
  const below = now.slice(lastHeld + 1).filter((id) => !before.has(id));
  if (lastHeld < 0) return { order: held, waiting: now.length + held.length };
  const present = new Set(now);
  const above = now.slice(0, lastHeld).filter((id) => !before.has(id)).length;
  const gone = held.filter((id) => !present.has(id)).length;
  return { order: [...held, ...below], waiting: above + gone };
}

export interface Held {
  readonly shown: readonly ExecutionRecord[];
  /** Changes that wait because the pointer is over the list. */
  readonly waiting: number;
  /** Shows them now. */
  release(): void;
  /** For the list's element. */
  readonly pointer: { onPointerEnter(): void; onPointerLeave(): void };
}

/** A list of runs whose rows do not move while the pointer is over them. Their contents stay live. */
export function useHeld(records: readonly ExecutionRecord[]): Held {
  const { records: live } = useExecutions();
  const [held, setHeld] = useState<readonly string[] | null>(null);
  const last = useRef<ReadonlyMap<string, ExecutionRecord>>(new Map());
  const ids = records.map((record) => record.executionId);
  const { order, waiting } = held === null ? { order: ids, waiting: 0 } : holdOrder(held, ids);
  const listed = new Map(records.map((record) => [record.executionId, record]));
  const shown = order.flatMap((id) => listed.get(id) ?? live.get(id) ?? last.current.get(id) ?? []);
  last.current = new Map(shown.map((record) => [record.executionId, record]));
  return {
    shown,
    waiting,
    release: () => setHeld(held === null ? null : ids),
    pointer: {
      onPointerEnter: () => setHeld(ids),
      onPointerLeave: () => setHeld(null),
    },
  };
}
