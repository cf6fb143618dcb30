import { describeEvent } from "../log/describe.js";
import type { LogEvent } from "../log/event.js";
import type { LogStore } from "../log/store.js";
import { plainText } from "../log/terminal.js";
import { diffLines } from "./diff.js";
import { commandOf, contentText, editsOf, entryOf, mainArgument, type TranscriptEntry } from "./entry.js";

/** A conversation as Markdown, read from wherever it is. */
export async function transcriptMarkdown(
  store: LogStore,
  from: number,
  to: number,
  signal: AbortSignal,
  onProgress?: (share: number) => void,
): Promise<string> {
  const parts: string[] = [];
  for await (const batch of store.scan(from, to, signal)) {
    signal.throwIfAborted();
    for (const item of batch) {
      if (item.type === "logs:gap" || !("seq" in item)) {
        parts.push(`*${describeEvent(item)?.text ?? "Lines are missing"}*`);
        continue;
      }
      const text = markdownOf(item);
      if (text !== "") parts.push(text);
      onProgress?.((item.seq - from + 1) / (to - from + 1));
    }
  }
  return `${parts.join("\n\n")}\n`;
}

/** One event as Markdown; empty for what says nothing to a reader. */
export function markdownOf(event: LogEvent): string {
  const entry = entryOf(event);
  const message = plainText(event.message ?? "");
  if (!entry) {
    if (event.type !== "execution:log") {
      const words = describeEvent(event);
      return words && words.kind === "mark" ? `**${words.text}**` : "";
    }
    return message.trim() === "" || (event.stream === "stdout" && event.level === "debug")
      ? ""
      : fenced(message);
  }
  const text = bodyOf(entry, message);
  return entry.parent === null || text === "" ? text : text.replace(/^/gm, "> ");
}

function bodyOf(entry: TranscriptEntry, message: string): string {
  switch (entry.kind) {
    case "raw":
      return "";
    case "text":
      return message;
    case "user":
      return `## ${message.split("\n")[0]}${message.includes("\n") ? `\n\n${message.slice(message.indexOf("\n") + 1)}` : ""}`;
    case "thinking":
      return `<details><summary>Thinking</summary>\n\n${message}\n\n</details>`;
    case "todo":
      return entry.items
        .map((item) => `- [${item.status === "completed" ? "x" : " "}] ${item.text}`)
        .join("\n");
    case "tool": {
      const command = commandOf(entry);
      if (command !== "") return `**${entry.name}**\n\n${fenced(command, "sh")}`;
      const edits = editsOf(entry);
      if (edits.length > 0) {
        return edits
          .map(
            (edit) =>
              `**${entry.name}** \`${edit.path}\`\n\n${fenced(
                diffLines(edit.before, edit.after)
                  .map((line) => line.sign + line.text)
                  .join("\n"),
                "diff",
              )}`,
          )
          .join("\n\n");
      }
      const main = mainArgument(entry.input);
      return `**${entry.name || "Tool"}**${main ? ` \`${main.split("\n")[0]}\`` : ""}`;
    }
    case "tool_result": {
      const content = plainText(contentText(entry.content, message));
      return content.trim() === "" ? "" : `${entry.isError ? "Error:\n\n" : ""}${fenced(content)}`;
    }
    default:
      return message === "" ? "" : `*${message.split("\n").join(" ")}*`;
  }
}

/** A code block whose fence is longer than any inside. */
function fenced(text: string, language = ""): string {
  let fence = "```";
  while (text.includes(fence)) fence += "`";
  return `${fence}${language}\n${text.replace(/\n$/, "")}\n${fence}`;
}
