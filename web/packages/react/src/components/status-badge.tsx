"use client";

import type { Status } from "@claudeops/client";
import type { ReactNode } from "react";

/** A status, or what a health check came to. */
export type Tone = Status | "warning" | "healthy" | "critical";

const WORDS: Readonly<Record<Tone, string>> = {
  queued: "queued",
  running: "running",
  cancelling: "stopping",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
  warning: "warning",
  healthy: "healthy",
  critical: "critical",
};

export interface StatusBadgeProps {
  readonly status: Tone;
  /** After the word, e.g. for how long. */
  readonly detail?: ReactNode;
  /** Instead of the word, e.g. a running clock; those who can't see the shape are told the word all the same. */
  readonly children?: ReactNode;
  readonly className?: string;
}

/** A state as shape, word and colour. */
export function StatusBadge({ status, detail, children, className }: StatusBadgeProps): ReactNode {
  return (
    <span className={`cops-status${className ? ` ${className}` : ""}`} data-status={status}>
      <StatusShape status={status} />
      <span className={children === undefined ? undefined : "cops-sr"}>{WORDS[status]}</span>
      {children}
      {detail}
    </span>
  );
}

/** Only the shape. Say the word beside it. */
export function StatusShape({ status }: { readonly status: Tone }): ReactNode {
  return (
    <svg
      className="cops-shape"
      data-status={status}
      width="12"
      height="12"
      viewBox="0 0 12 12"
      aria-hidden="true"
    >
      {SHAPES[status]}
    </svg>
  );
}

const line = {
  fill: "none",
  stroke: "currentColor",
  strokeLinecap: "round",
  strokeLinejoin: "round",
} as const;

const check = <path {...line} strokeWidth="2" d="M2 6.4 4.8 9.2 10 3" />;
const triangle = <path {...line} strokeWidth="1.6" d="M6 1.6 11 10.4H1Z" />;
const cross = <path {...line} strokeWidth="2" d="M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5" />;

const SHAPES: Readonly<Record<Tone, ReactNode>> = {
  queued: <circle {...line} cx="6" cy="6" r="4.4" strokeWidth="1.6" strokeDasharray="1.4 2.2" />,
  running: <circle cx="6" cy="6" r="4.6" fill="currentColor" />,
  cancelling: (
    <>
      <circle {...line} cx="6" cy="6" r="4.4" strokeWidth="1.6" />
      <path d="M6 1.6a4.4 4.4 0 0 0 0 8.8Z" fill="currentColor" />
    </>
  ),
  completed: check,
  healthy: check,
  failed: cross,
  critical: cross,
  warning: triangle,
  cancelled: (
    <>
      <circle {...line} cx="6" cy="6" r="4.4" strokeWidth="1.6" />
      <path {...line} strokeWidth="1.6" d="M3 9 9 3" />
    </>
  ),
};
