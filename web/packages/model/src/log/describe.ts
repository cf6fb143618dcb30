import { formatBytes, formatCount, formatDuration, formatPlural, formatUsd } from "../format.js";
import type { LogEvent, LogGap } from "./event.js";
import type { Describe } from "./rows.js";

/** Words for what happens to an execution, as they stand in its log. */
export const describeEvent: Describe = (event) => {
  if (event.type === "logs:gap") {
    const gap = event as LogGap;
    const lines =
      gap.from === gap.to
        ? `Line ${formatCount(gap.from)} is`
        : `Lines ${formatCount(gap.from)} to ${formatCount(gap.to)} are`;
    const why =
      gap.reason === "retention"
        ? "removed by retention"
        : gap.reason === "damaged"
          ? "damaged on disk"
          : gap.reason;
    return { text: `${lines} missing: ${why}`, kind: "mark", level: "warn" };
  }
  const fields = event as LogEvent & Record<string, unknown>;
  const text = (name: string): string => (typeof fields[name] === "string" ? (fields[name] as string) : "");
  const number = (name: string): number | undefined =>
    typeof fields[name] === "number" ? (fields[name] as number) : undefined;
  switch (event.type) {
    case "execution:queued": {
      const trigger = fields.trigger as { kind?: string; user?: string } | undefined;
      return {
        text: `Queued${trigger?.user ? ` by ${trigger.user}` : ""}${trigger?.kind ? ` from ${triggerPlace(trigger.kind)}` : ""}`,
        kind: "note",
      };
    }
    case "execution:started": {
      const command = Array.isArray(fields.command)
        ? (fields.command as unknown[]).map((part) => quote(String(part))).join(" ")
        : "";
      const pid = number("pid");
      return {
        text: `Started ${clip(command, 200)}${text("workdir") ? ` in ${text("workdir")}` : ""}${pid ? ` · pid ${pid}` : ""}${text("host") ? ` on ${text("host")}` : ""}`,
        kind: "note",
      };
    }
    case "execution:progress": {
      const progress = number("progress") ?? 0;
      return {
        text: `${Math.round(progress)} %${text("message") ? `  ${text("message")}` : ""}`,
        kind: "note",
      };
    }
    case "execution:cost": {
      const usd = number("usd") ?? 0;
      return {
        text: `${formatUsd(usd)}${fields.estimated ? " est." : ""}${text("model") ? ` · ${text("model")}` : ""}`,
        kind: "note",
      };
    }
    case "execution:approval":
      return { text: `Asks to use ${text("tool") || "a tool"}`, kind: "mark", level: "warn" };
    case "execution:approved":
      return { text: `Allowed by ${text("by") || "somebody"}`, kind: "note" };
    case "execution:denied":
      return { text: `Denied by ${text("by") || "somebody"}`, kind: "note", level: "warn" };
    case "execution:truncated": {
      const limit = number("limit");
      return {
        text: `Output past ${limit ? formatBytes(limit) : "the limit"} is not recorded: ${formatPlural(number("droppedLines") ?? 0, "line")} (${formatBytes(number("droppedBytes") ?? 0)}) dropped`,
        kind: "mark",
        level: "warn",
      };
    }
    case "execution:completed":
      return { text: `Completed${ending(fields)}`, kind: "mark" };
    case "execution:failed":
      return {
        text: `Failed: ${text("error") || text("reason") || "no reason given"}${ending(fields)}`,
        kind: "mark",
        level: "error",
      };
    case "execution:cancelled":
      return {
        text: `Stopped by ${text("by") || "somebody"}${text("reason") ? `: ${text("reason")}` : ""}${ending(fields)}`,
        kind: "mark",
      };
    case "unknown":
      return {
        text: `${String((fields.fields as Record<string, unknown> | undefined)?.type ?? "unknown event")}`,
        kind: "note",
      };
    default:
      return { text: event.type, kind: "note" };
  }
};

function ending(fields: Record<string, unknown>): string {
  const parts: string[] = [];
  if (typeof fields.exitCode === "number") parts.push(`exit ${fields.exitCode}`);
  if (typeof fields.signal === "string" && fields.signal !== "") parts.push(fields.signal);
  if (typeof fields.durationMs === "number") parts.push(formatDuration(fields.durationMs));
  if (typeof fields.processesReaped === "number" && fields.processesReaped > 0) {
    parts.push(`${formatPlural(fields.processesReaped, "process", "processes")} reaped`);
  }
  if (Array.isArray(fields.survivors) && fields.survivors.length > 0) {
    parts.push(`${formatPlural(fields.survivors.length, "process", "processes")} could not be ended`);
  }
  if (typeof fields.cost === "number" && fields.cost > 0) parts.push(formatUsd(fields.cost));
  return parts.length > 0 ? ` · ${parts.join(" · ")}` : "";
}

/** `page` → "the page": where a run was started from, in a sentence. */
export function triggerPlace(kind: string): string {
  if (kind === "page") return "the page";
  if (kind === "cli") return "the terminal";
  if (kind === "api") return "the API";
  if (kind === "ws") return "a WebSocket";
  if (kind === "schedule") return "a schedule";
  return kind;
}

/** A word as one would type it in a shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
