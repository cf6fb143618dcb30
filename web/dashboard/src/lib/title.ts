import { useEffect } from "react";

/** The tab's title; given back when the page is left. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "ClaudeOps" : `${title} · ClaudeOps`;
  }, [title]);
}

const PULSE = "M2 9h3.2l2-5.5 3.4 11 2.2-5.5H16";

/** The tab's icon shows what goes on: running in the accent, failed in red, else quiet. */
export function useFavicon(state: "idle" | "running" | "failed" | "offline"): void {
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (!link) return;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const stroke = state === "offline" ? "#8b8f9a" : dark ? "#8fa0ff" : "#4f5bd5";
    const dot = state === "running" ? (dark ? "#8fa0ff" : "#4f5bd5") : state === "failed" ? "#e5484d" : "";
    const mark = dot === "" ? "" : `<circle cx="14" cy="14" r="4" fill="${dot}"/>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 18 18"><path d="${PULSE}" fill="none" stroke="${stroke}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>${mark}</svg>`;
    link.href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  }, [state]);
}
