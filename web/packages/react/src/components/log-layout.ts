"use client";

import { formatNamedHash, type LogModel, type LogView, type Place, parseNamedHash } from "@claudeops/model";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef } from "react";
import { useHub } from "../context.js";

export const useBrowserLayoutEffect = typeof window === "undefined" ? useEffect : useLayoutEffect;

export const PROBE = "0".repeat(100);

/** Tells the model how large things are, also when the page's font or zoom changes. */
export function useSizes(
  model: LogModel,
  scroller: RefObject<HTMLDivElement | null>,
  probe: RefObject<HTMLDivElement | null>,
): void {
  useBrowserLayoutEffect(() => {
    const element = scroller.current;
    const sample = probe.current;
    if (!element || !sample) return;
    const measure = () => {
      const text = sample.firstElementChild as HTMLElement;
      const rowHeight = sample.getBoundingClientRect().height || 20;
      const character = text.getBoundingClientRect().width / PROBE.length || 7.5;
      // The text column of a drawn row tells what room is left beside numbers and times.
      const drawn = element.querySelector<HTMLElement>(".cops-row > .cops-text");
      const gutter = drawn
        ? drawn.getBoundingClientRect().left - element.getBoundingClientRect().left + element.scrollLeft
        : 0;
      element.style.setProperty("--cops-gutter", `${Math.ceil(gutter) + 24}px`);
      const room = element.clientWidth - gutter - 24;
      model.setSize(element.clientHeight, rowHeight, Math.max(10, Math.floor(room / character)));
    };
    measure();
    if (typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(sample);
    return () => observer.disconnect();
  }, [model]);
}

/** Puts the element where the view wants it, and tells the model of rows that came out taller or lower. */
export function useDrawnHeights(
  model: LogModel,
  view: LogView,
  scroller: RefObject<HTMLDivElement | null>,
  rows: RefObject<HTMLDivElement | null>,
): void {
  useBrowserLayoutEffect(() => {
    const element = scroller.current;
    if (element && view.scrollTo !== null) {
      element.scrollTop = view.scrollTo;
      model.settled(element.scrollTop);
    }
    if (!rows.current || (!view.settings.wrap && !view.rows.some((row) => row.expanded))) return;
    const heights = new Map<number, number>();
    for (const child of rows.current.children) {
      const seq = Number((child as HTMLElement).dataset.seq);
      const height = Math.round(child.getBoundingClientRect().height);
      if (height > 0) heights.set(seq, height);
    }
    model.measured(heights);
  }, [model, view]);
}

/**
 * The lines in the page's address: shown when it names some for this viewer, kept up by the function it
 * gives when others are chosen. `name` is false where the address is left alone.
 */
export function useHash(model: LogModel, name: string | false): () => void {
  const { viewers } = useHub();
  const place = useRef<Place | null>(null);
  useEffect(() => {
    if (name === false) return;
    const { place: mine, leave } = viewers.add(name);
    place.current = mine;
    const read = () => {
      const named = parseNamedHash(window.location.hash);
      if (!named || (named.name === null ? !mine.first : named.name !== name)) return;
      model.select(named.range);
      model.goTo(named.range.from);
    };
    read();
    window.addEventListener("hashchange", read);
    return () => {
      leave();
      place.current = null;
      window.removeEventListener("hashchange", read);
    };
  }, [model, name, viewers]);
  return useCallback(() => {
    if (name === false) return;
    const range = model.getView().selection;
    const hash = range ? formatNamedHash({ name: place.current?.alone === false ? name : null, range }) : "";
    window.history.replaceState(window.history.state, "", hereNow() + hash);
  }, [model, name]);
}

/** The address of this page without its fragment; whole, because a page may have a <base> that leads elsewhere. */
export function hereNow(): string {
  return window.location.pathname + window.location.search;
}
