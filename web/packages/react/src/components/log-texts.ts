import { formatPlural } from "@claudeops/model";
import { createContext, useContext } from "react";

/** What a log viewer says, to be said in other words or another language. */
export interface LogTexts {
  readonly follow: string;
  readonly wrap: string;
  readonly find: string;
  readonly goToLine: string;
  readonly lineNumbers: string;
  readonly progressAsLines: string;
  readonly copySelection: string;
  readonly copyAll: string;
  readonly copyLink: string;
  readonly copyNow: string;
  readonly download: string;
  readonly fullScreen: string;
  readonly leaveFullScreen: string;
  readonly opening: string;
  readonly noOutput: string;
  readonly noMatch: string;
  readonly tryAgain: string;
  newLines(count: number): string;
}

export const DEFAULT_LOG_TEXTS: LogTexts = {
  follow: "Follow",
  wrap: "Wrap",
  find: "Find…",
  goToLine: "Go to line…",
  lineNumbers: "Line numbers",
  progressAsLines: "Progress and cost as lines",
  copySelection: "Copy selected lines",
  copyAll: "Copy the whole log",
  copyLink: "Copy link to selection",
  copyNow: "Copy",
  download: "Download raw",
  fullScreen: "Full screen",
  leaveFullScreen: "Leave full screen",
  opening: "Opening the log…",
  noOutput: "No output yet.",
  noMatch: "No lines match the filters.",
  tryAgain: "Try again",
  newLines: (count) => formatPlural(count, "new line"),
};

const TextsContext = createContext<LogTexts>(DEFAULT_LOG_TEXTS);

export const LogTextsProvider = TextsContext.Provider;

/** The words of the viewer around it. */
export function useLogTexts(): LogTexts {
  return useContext(TextsContext);
}
