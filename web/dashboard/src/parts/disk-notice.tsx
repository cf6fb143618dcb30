import type { SystemStatusMessage } from "@claudeops/client";
import type { ReactNode } from "react";

/** Why nothing is started: the disk of the data directory is nearly full. */
export function DiskNotice({
  status,
}: {
  readonly status: SystemStatusMessage | null | undefined;
}): ReactNode {
  const { condition, state } = status?.disk ?? {};
  if (!condition) return null;
  const colour = state === "critical" ? "border-failed/40 bg-failed/8" : "border-warning/40 bg-warning/8";
  return (
    <p className={`rounded-md border px-3.5 py-2 first-letter:uppercase ${colour}`} role="alert">
      {condition}.
    </p>
  );
}
