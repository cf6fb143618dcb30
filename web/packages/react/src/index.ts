export {
  DEFAULT_SETTINGS,
  describeEvent,
  type ExecutionState,
  type ExecutionsState,
  errorsOf,
  fieldsOf,
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatInstant,
  formatLineHash,
  formatPlural,
  formatRowTime,
  formatShort,
  formatUsd,
  formatWhen,
  Hub,
  type HubOptions,
  humanize,
  type LineRange,
  type LogEvent,
  type LogGap,
  type LogSettings,
  type LogSource,
  type LogState,
  LogStore,
  parseLineHash,
  plainText,
  quote,
  type SystemState,
  showControls,
  type TimeMode,
  triggerPlace,
} from "@claudeops/model";
export * from "./components/agent-dashboard.js";
export * from "./components/agent-form.js";
export * from "./components/approval-card.js";
export * from "./components/connection-indicator.js";
export * from "./components/execution-control.js";
export { LOG_SHORTCUTS } from "./components/log-keys.js";
export type { LogLine } from "./components/log-line.js";
export { renderText } from "./components/log-text.js";
export { DEFAULT_LOG_TEXTS, type LogTexts } from "./components/log-texts.js";
export * from "./components/log-viewer.js";
export * from "./components/status-badge.js";
export * from "./components/transcript.js";
export * from "./context.js";
export * from "./hooks/use-agent-execution.js";
export * from "./hooks/use-agents.js";
export * from "./hooks/use-approvals.js";
export * from "./hooks/use-connection.js";
export * from "./hooks/use-execution.js";
export * from "./hooks/use-executions.js";
export * from "./hooks/use-log-stream.js";
export * from "./hooks/use-now.js";
export * from "./hooks/use-system-status.js";
export * from "./hooks/use-web-socket.js";
