import { plainText } from "./ansi.js";
import { describeEvent } from "./describe.js";
import type { LogEvent } from "./event.js";
import type { LineRange } from "./permalink.js";
import type { LogStore } from "./store.js";

/** The text of lines, parts joined, without numbers, times and escapes; fetched where it is not here. */
export async function textOf(store: LogStore, range: LineRange, signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  /** Where the unfinished line of each stream stands. */
  const open = new Map<string, number>();
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
      const at = open.get(stream);
      if (at !== undefined) lines[at] += event.message ?? "";
      else lines.push(event.message ?? "");
      if (event.partial) open.set(stream, at ?? lines.length - 1);
      else open.delete(stream);
    }
  }
  return lines.map(plainText).join("\n");
}
