import { describeEvent } from "./describe.js";
import type { LogEvent } from "./event.js";
import type { LineRange } from "./permalink.js";
import type { LogStore } from "./store.js";
import { PLAIN_LOOK, TerminalLine } from "./terminal.js";
import { decodeUtf16 } from "./utf16.js";

/** The text of lines, parts joined, without numbers, times and escapes; fetched where it is not here. */
export async function textOf(store: LogStore, range: LineRange, signal: AbortSignal): Promise<string> {
  const lines: (string | TerminalLine)[] = [];
  /** The unfinished line of each stream. */
  const open = new Map<string, TerminalLine>();
  for await (const batch of store.scan(range.from, range.to, signal)) {
    for (const item of batch) {
      if (item.type === "logs:gap" || !("seq" in item)) continue;
      if (item.type !== "execution:log") {
        const words = describeEvent(item);
        if (words && range.from === range.to) lines.push(words.text);
        continue;
      }
      const event = item as LogEvent;
      const stream = event.stream ?? "stdout";
      const unfinished = open.get(stream);
      const line = unfinished ?? new TerminalLine(PLAIN_LOOK);
      line.write(decodeUtf16(event.message ?? "", event.raw) ?? event.message ?? "");
      if (!unfinished) lines.push(line);
      if (event.partial) open.set(stream, line);
      else {
        line.end();
        open.delete(stream);
      }
    }
  }
  return lines.map((line) => (typeof line === "string" ? line : line.text)).join("\n");
}
