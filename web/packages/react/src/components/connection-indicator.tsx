"use client";

import type { ConnectionState } from "@claudeops/client";
import { formatWhen } from "@claudeops/model";
import type { ReactNode } from "react";
import { useConnection } from "../hooks/use-connection.js";
import { useNow } from "../hooks/use-now.js";

/** Words for a connection's state. */
export interface ConnectionWords {
  readonly tone: "live" | "waiting" | "down";
  readonly label: string;
  readonly detail: string;
  /** Whether trying at once makes sense. */
  readonly canRetry: boolean;
  /** Whether signing in is what helps. */
  readonly signIn: boolean;
}

export function connectionWords(state: ConnectionState, now: number): ConnectionWords {
  const signIn = state.problem?.type === "unauthenticated" || state.problem?.type === "expired";
  switch (state.status) {
    case "open": {
      const over = state.transport === "sse" ? "event stream" : state.transport === "poll" ? "polling" : "";
      const latency = state.latencyMs === null ? "" : `${Math.max(1, Math.round(state.latencyMs))} ms`;
      return {
        tone: "live",
        label: "Live",
        detail: over === "" ? latency : `(${over})`,
        canRetry: false,
        signIn: false,
      };
    }
    case "connecting":
      return { tone: "waiting", label: "Connecting…", detail: "", canRetry: false, signIn: false };
    case "reconnecting": {
      // Waiting for the network is no waiting for the server.
      if (state.problem?.type === "offline")
        return { tone: "down", label: "Offline", detail: "no network", canRetry: true, signIn: false };
      const wait =
        state.nextAttemptAt === null ? 0 : Math.max(0, Math.ceil((state.nextAttemptAt - now) / 1000));
      const detail =
        state.nextAttemptAt === null
          ? `try ${Math.max(1, state.attempt)}`
          : `try ${Math.max(1, state.attempt)} in ${wait} s`;
      return {
        tone: "waiting",
        label: "Reconnecting",
        detail,
        canRetry: state.nextAttemptAt !== null,
        signIn: false,
      };
    }
    case "failed":
      return signIn
        ? { tone: "down", label: "Offline", detail: "sign in again", canRetry: false, signIn: true }
        : {
            tone: "down",
            label: "Offline",
            detail: state.problem?.message ?? "",
            canRetry: true,
            signIn: false,
          };
    case "closed":
      return { tone: "down", label: "Closed", detail: "", canRetry: false, signIn: false };
  }
}

export interface ConnectionIndicatorProps {
  /** Called when signing in is what helps. */
  readonly onSignIn?: () => void;
  readonly className?: string;
}

/** The connection as a chip: live and how fast, or when it is tried again, with a way to try now. */
export function ConnectionIndicator({ onSignIn, className }: ConnectionIndicatorProps): ReactNode {
  const state = useConnection();
  // When the next try comes is this machine's time, not the server's.
  const now = useNow(state.status === "reconnecting") - (state.clockOffsetMs ?? 0);
  const words = connectionWords(state, now);
  const since =
    state.status !== "open" && state.lastOpenAt !== null
      ? `Last connected ${formatWhen(state.lastOpenAt, Date.now())}. `
      : "";
  return (
    <span
      className={`cops-chip${className ? ` ${className}` : ""}`}
      data-tone={words.tone}
      title={`${since}${state.problem?.message ?? ""}` || undefined}
    >
      <i className="cops-dot" aria-hidden="true" />
      {/* The latency changes all the time; only the state is worth saying aloud. */}
      <span role="status">
        <b>{words.label}</b>
      </span>
      {words.detail !== "" && <span className="cops-chip-detail">{words.detail}</span>}
      {words.canRetry && (
        <button type="button" className="cops-chip-button" onClick={state.retryNow}>
          now
        </button>
      )}
      {words.signIn && onSignIn && (
        <button type="button" className="cops-chip-button" onClick={onSignIn}>
          sign in
        </button>
      )}
    </span>
  );
}
