import {
  formatPlural,
  type LogModel,
  orderedPoints,
  selectionOfLines,
  type TextSelection,
} from "@claudeops/model";
import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { documentOf } from "../surroundings.js";
import { copyText } from "./clipboard.js";

export interface LogCopy {
  /** What is said of it now: progress, done, refused. */
  readonly said: string | null;
  /** Text was read, but the browser wants another press before it is copied. */
  readonly waits: boolean;
  /** Copies the selected text, the chosen lines, or the whole log. */
  copy(): void;
  /** Copies a text of a few words. */
  copyWords(text: string, said: string): void;
  /** Copies a text that has to be read first; a second call copies what the browser refused. */
  copyLater(read: ReadText, said: string): void;
}

type ReadText = (signal: AbortSignal, onProgress: (share: number) => void) => Promise<string>;

/** Copying from a log: what is shown, of any length, also with Ctrl+C. */
export function useLogCopy(model: LogModel, root: RefObject<HTMLElement | null>): LogCopy {
  const [said, setSaid] = useState<string | null>(null);
  const [ready, setReady] = useState<{ text: string; done: string } | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  useEffect(() => {
    if (said === null || ready !== null || said.endsWith("%")) return;
    const timer = setTimeout(() => setSaid(null), 2500);
    return () => clearTimeout(timer);
  }, [said, ready]);

  const put = useCallback(
    async (text: string, done: string) => {
      try {
        await copyText(text, root.current);
        setReady(null);
        setSaid(done);
      } catch {
        setReady({ text, done });
        setSaid("Ready to copy");
      }
    },
    [root],
  );

  const readAndPut = useCallback(
    async (read: ReadText, done: string) => {
      running.current?.abort();
      const controller = new AbortController();
      running.current = controller;
      setSaid("Copying 0 %");
      try {
        const text = await read(controller.signal, (share) =>
          setSaid(`Copying ${Math.floor(share * 100)} %`),
        );
        await put(text, done);
      } catch (error) {
        if (controller.signal.aborted) return;
        setSaid(`Not copied: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    [put],
  );

  const copySelection = useCallback(
    async (selection: TextSelection) => {
      const [start, end] = orderedPoints(selection);
      const done = `${formatPlural(Math.min(end.seq, model.store.getState().head) - start.seq + 1, "line")} copied`;
      const here = model.textHere(selection);
      if (here !== null) await put(here, done);
      else await readAndPut((signal, onProgress) => model.text(selection, signal, onProgress), done);
    },
    [model, put, readAndPut],
  );

  useEffect(() => {
    const page = documentOf(root.current);
    const onCopy = (event: ClipboardEvent) => {
      const selection = model.textSelection;
      const target = event.target as HTMLElement | null;
      if (!selection || target?.closest?.("input, textarea, [contenteditable=true]")) return;
      const native = page.getSelection();
      if (native && !native.isCollapsed) return;
      event.preventDefault();
      const here = model.textHere(selection);
      if (here !== null && event.clipboardData) {
        event.clipboardData.setData("text/plain", here);
        setSaid("Copied");
      } else void copySelection(selection);
    };
    page.addEventListener("copy", onCopy);
    return () => page.removeEventListener("copy", onCopy);
  }, [model, root, copySelection]);

  return useMemo(
    () => ({
      said,
      waits: ready !== null,
      copy: () => {
        if (ready) {
          void put(ready.text, ready.done);
          return;
        }
        const { text, selection, store } = model.getView();
        void copySelection(
          text ??
            (selection ? selectionOfLines(selection.from, selection.to) : selectionOfLines(1, store.head)),
        );
      },
      copyWords: (text: string, done: string) => void put(text, done),
      copyLater: (read: ReadText, done: string) =>
        void (ready ? put(ready.text, ready.done) : readAndPut(read, done)),
    }),
    [said, ready, model, copySelection, put, readAndPut],
  );
}
