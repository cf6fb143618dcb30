"use client";

import type { LogModel, LogView } from "@claudeops/model";
import { type PointerEvent, type ReactNode, useMemo, useRef } from "react";

/** Hits drawn at most: more would only paint over each other. */
const MARKS = 240;

export interface LogRailProps {
  readonly model: LogModel;
  readonly view: LogView;
  readonly hits: readonly number[];
}

/** Where one stands in the whole log, and where the hits are. Dragged, it goes anywhere at once. */
export function LogRail({ model, view, hits }: LogRailProps): ReactNode {
  const grip = useRef(0);
  const { head } = view.store;
  // biome-ignore lint/correctness/useExhaustiveDependencies: places change with the number of hits and lines
  const marks = useMemo(() => {
    const places = new Set<number>();
    for (const seq of hits) places.add(Math.round(model.shareOf(seq) * MARKS));
    return [...places];
  }, [hits, hits.length, head, model]);
  if (view.share >= 1 && marks.length === 0) return null;

  const at = (event: PointerEvent<HTMLElement>): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return (event.clientY - box.top) / box.height;
  };
  const size = Math.max(view.share, 0.05);
  const room = 1 - size;
  const top = view.share >= 1 ? 0 : (view.start / (1 - view.share)) * room;
  const go = (place: number) =>
    model.moveToShare(room <= 0 ? 0 : Math.min(1, Math.max(0, (place - grip.current) / room)));
  return (
    <div
      className="cops-rail"
      aria-hidden="true"
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        const place = at(event);
        const onThumb = place >= top && place <= top + size;
        grip.current = onThumb ? place - top : size / 2;
        if (!onThumb) go(place);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) go(at(event));
      }}
    >
      {marks.map((place) => (
        <i key={place} style={{ top: `${(place / MARKS) * 100}%` }} />
      ))}
      {view.share < 1 && <b style={{ top: `${top * 100}%`, height: `${size * 100}%` }} />}
    </div>
  );
}
