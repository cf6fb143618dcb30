import {
  type AgentDefinition,
  type ExecutionRecord,
  type FailureReason,
  stringifyJson,
} from "@claudeops/client";
import { formatPlural, formatUsd, showControls, type Tone, triggerPlace } from "@claudeops/react";

import { parametersOf } from "./parameters.ts";

/** What a run came to: its status, or what a health report found. */
export function toneOf(record: ExecutionRecord): Tone {
  if (record.status !== "completed") return record.status;
  const outcome = reportStatus(record.result);
  return outcome === null || outcome === "healthy" ? "completed" : outcome;
}

/** The overall word of a health report, where the result is one. */
export function reportStatus(result: unknown): "healthy" | "warning" | "critical" | null {
  if (typeof result !== "object" || result === null) return null;
  const fields = result as Record<string, unknown>;
  const word = fields.overall ?? fields.status;
  return word === "healthy" || word === "warning" || word === "critical" ? word : null;
}

const REASONS: Readonly<Record<FailureReason, string>> = {
  exit_code: "ended with an exit code",
  signal: "ended by a signal",
  timeout: "took longer than allowed",
  idle_timeout: "was silent for longer than allowed",
  stalled: "stopped answering",
  budget_exceeded: "cost more than allowed",
  usage_limit: "the account's usage limit was met",
  out_of_memory: "ran out of memory",
  spawn_failed: "could not be started",
  runner_lost: "its runner was lost",
  worker_lost: "its worker was lost",
  approval_expired: "an approval was not given in time",
  host_restarted: "the machine was restarted",
  agent_error: "the agent reported failure",
};

/** One line that says how a run ended, or what it is doing. */
export function summaryOf(record: ExecutionRecord): string {
  return showControls(wordsOf(record));
}

function wordsOf(record: ExecutionRecord): string {
  switch (record.status) {
    case "queued":
      if (record.queueReason) return record.queueReason;
      return record.queuePosition ? `${record.queuePosition}. in the queue` : "waits for its turn";
    case "running":
    case "cancelling":
      return doing(record);
    case "completed": {
      const said = resultLine(record.result);
      const cost = record.cost > 0 ? formatUsd(record.cost) : "";
      return [said, cost].filter(Boolean).join(" · ");
    }
    case "cancelled": {
      const by = `stopped${record.cancelledBy ? ` by ${record.cancelledBy}` : ""}`;
      const why = record.reason ? `: ${record.reason}` : "";
      return `${by}${why}${reaped(record)}`;
    }
    case "failed":
      return failure(record);
  }
}

function doing(record: ExecutionRecord): string {
  if (record.progress === undefined) return record.progressMessage ?? "";
  const percent = `${Math.round(record.progress)} %`;
  return record.progressMessage ? `${percent}, ${record.progressMessage}` : percent;
}

/** Why it failed, in words: `exit 2: /backup/www.tar.zst is truncated`. */
export function failure(record: ExecutionRecord): string {
  const what =
    record.reason === "exit_code" && record.exitCode !== undefined
      ? `exit ${record.exitCode}`
      : record.reason === "signal"
        ? `ended by ${record.signal || "a signal"}`
        : (REASONS[record.reason as FailureReason] ?? record.reason ?? "");
  const error = record.error ?? "";
  if (what === "" || (record.exitCode !== undefined && error.includes(`exit code ${record.exitCode}`)))
    return error;
  return error === "" || what.includes(error) ? what : error.includes(what) ? error : `${what}: ${error}`;
}

/** `$0.18 est.`; nothing while nothing was paid. */
export function costOf(record: ExecutionRecord): string {
  return record.cost > 0 ? `${formatUsd(record.cost)}${record.costEstimated ? " est." : ""}` : "";
}

export function reaped(record: ExecutionRecord): string {
  return record.processesReaped > 0
    ? `, ${formatPlural(record.processesReaped, "process", "processes")} reaped`
    : "";
}

/** A line out of a result, whatever it is. */
export function resultLine(result: unknown): string {
  if (typeof result === "string") return firstLine(result);
  if (typeof result !== "object" || result === null)
    return result === undefined || result === null ? "" : String(result);
  const fields = result as Record<string, unknown>;
  for (const name of ["summary", "message", "title", "text", "result"]) {
    if (typeof fields[name] === "string" && fields[name] !== "") return firstLine(fields[name] as string);
  }
  const findings = fields.findings;
  if (Array.isArray(findings)) {
    const first = findings[0] as Record<string, unknown> | undefined;
    const said = first && (first.title ?? first.message ?? first.evidence);
    if (findings.length === 0) return "nothing to report";
    return typeof said === "string" ? said : formatPlural(findings.length, "finding");
  }
  return "";
}

function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return end === -1 ? text : text.slice(0, end);
}

/** `owner from the page` */
export function triggerWords(record: ExecutionRecord): string {
  const { kind, user } = record.trigger;
  return `${user || "somebody"} from ${triggerPlace(kind)}`;
}

/** The short form for tables: `page`, `terminal`, `api: ci`. */
export function triggerShort(record: ExecutionRecord): string {
  const { kind, user } = record.trigger;
  if (kind === "cli") return "terminal";
  if (kind === "api" || kind === "ws") return user && user !== "owner" ? `${kind}: ${user}` : kind;
  return kind;
}

/** Whether an agent can be started without asking anything. */
export function needsParameters(agent: AgentDefinition): boolean {
  return parametersOf(agent.parameters).some((field) => field.required && field.fallback === undefined);
}

/** What tells a run from others of its agent: its tags, and the parameters that are not the default. */
export function distinctionOf(record: ExecutionRecord, agent: AgentDefinition | undefined): string {
  const tags = (record as { readonly tags?: readonly string[] }).tags ?? [];
  const fallbacks = new Map(
    parametersOf(agent?.parameters).map((field) => [field.name, stringifyJson(field.fallback)]),
  );
  const given = Object.entries((record.config ?? {}) as Readonly<Record<string, unknown>>)
    .filter(([name, value]) => value !== "" && fallbacks.get(name) !== stringifyJson(value))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : stringifyJson(value)}`);
  const text = [...tags.map((tag) => `#${tag}`), ...given].join(" ");
  return firstLine(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/** Newest first by when a run ended, which is the time that lists of ended runs show. */
export function byEnd(a: ExecutionRecord, b: ExecutionRecord): number {
  return Date.parse(b.endedAt ?? b.queuedAt) - Date.parse(a.endedAt ?? a.queuedAt);
}

/** Whether a parameter is a secret that was masked: it can't be sent again. */
export function isMasked(record: ExecutionRecord): boolean {
  return stringifyJson(record.config ?? {}).includes("•••");
}

export function shortId(id: string): string {
  return id.length > 12 ? `…${id.slice(-8)}` : id;
}
