"use client";

import type { AgentInput } from "@claudeops/client";
import { formatClock } from "@claudeops/model";
import { type ReactNode, useId, useRef, useState } from "react";
import { type Approval, useApprovals } from "../hooks/use-approvals.js";
import { useNow } from "../hooks/use-now.js";

export interface ApprovalCardProps extends Approval {
  /** Before the title, e.g. a link to the run. Default: the agent's name. */
  readonly heading?: ReactNode;
  readonly className?: string;
}

/**
 * What an agent asks for: a tool it wants to use, or a question. Says until when an answer is waited for,
 * and takes it. The first answer counts, whoever gives it.
 */
export function ApprovalCard({ record, approval, heading, className }: ApprovalCardProps): ReactNode {
  const { answer } = useApprovals(record.executionId);
  const [sent, setSent] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const busy = useRef(false);
  const reasonId = useId();
  const [text, setText] = useState("");
  const question = approval.kind === "question";

  const give = async (input: Omit<AgentInput, "requestId">, said: string) => {
    // A double click answers once.
    if (busy.current) return;
    busy.current = true;
    setFailure(null);
    setSent(said);
    try {
      await answer(record.executionId, approval.requestId, input);
    } catch (cause) {
      setSent(null);
      setFailure(cause instanceof Error ? cause.message : String(cause));
    } finally {
      busy.current = false;
    }
  };
  return (
    <article
      className={`cops-approval${className ? ` ${className}` : ""}`}
      aria-label={`${record.agentType} asks: ${approval.title ?? approval.tool ?? "a question"}`}
    >
      <header className="cops-approval-head">
        {heading ?? <b>{record.agentType}</b>}
        <span className="cops-dim">{question ? "asks" : "wants to use a tool"}</span>
        {approval.expiresAt && <Until at={Date.parse(approval.expiresAt)} />}
      </header>
      <p className="cops-approval-title" translate="no">
        {approval.title ?? approval.tool}
      </p>
      {!question && approval.input !== undefined && approval.input !== null && (
        <pre className="cops-approval-input" translate="no">
          {inputWords(approval.input)}
        </pre>
      )}
      {question && (approval.options?.length ?? 0) > 0 && (
        <div className="cops-approval-options">
          {approval.options?.map((option) => (
            <button
              key={option.label}
              type="button"
              className="cops-button"
              title={option.description}
              disabled={sent !== null}
              onClick={() => give({ decision: "allow", text: option.label }, `Answered: ${option.label}`)}
            >
              {option.label}
            </button>
          ))}
        </div>
      )}
      <form
        className="cops-approval-actions"
        onSubmit={(event) => {
          event.preventDefault();
          if (question && text.trim() !== "") void give({ decision: "allow", text }, "Answered");
        }}
      >
        <input
          id={reasonId}
          aria-label={question ? "Another answer" : "Why, where it is denied"}
          placeholder={question ? "Another answer" : "Why, where it is denied"}
          value={text}
          disabled={sent !== null}
          onChange={(event) => setText(event.target.value)}
        />
        <button
          type="button"
          className="cops-button cops-stop"
          disabled={sent !== null}
          onClick={() =>
            give(
              { decision: "deny", ...(text.trim() === "" ? {} : { text }) },
              question ? "Not answered" : "Denied",
            )
          }
        >
          {question ? "Don't answer" : "Deny"}
        </button>
        {question ? (
          <button
            type="submit"
            className="cops-button cops-primary"
            disabled={sent !== null || text.trim() === ""}
          >
            Answer
          </button>
        ) : (
          <>
            <button
              type="button"
              className="cops-button"
              title="The same tool with the same input is not asked for again in this run"
              disabled={sent !== null}
              onClick={() => give({ decision: "allow", scope: "run" }, "Allowed for this run")}
            >
              Allow for this run
            </button>
            <button
              type="button"
              className="cops-button cops-primary"
              disabled={sent !== null}
              onClick={() => give({ decision: "allow" }, "Allowed")}
            >
              Allow
            </button>
          </>
        )}
      </form>
      <p className="cops-approval-said" role="status">
        {sent}
      </p>
      {failure && (
        <p className="cops-error" role="alert">
          {failure}
        </p>
      )}
    </article>
  );
}

/** How long an answer is still waited for. */
function Until({ at }: { at: number }): ReactNode {
  const now = useNow();
  if (now === 0 || Number.isNaN(at)) return null;
  return (
    <span className="cops-approval-until" data-soon={at - now < 60_000 || undefined}>
      {at > now ? `denied in ${formatClock(at - now)}` : "the time is over"}
    </span>
  );
}

/** The main argument as text where there is one; else all of it. */
function inputWords(input: unknown): string {
  if (typeof input === "string") return input;
  const fields = Object.entries(input as Record<string, unknown>);
  const [only] = fields;
  if (fields.length === 1 && typeof only?.[1] === "string") return only[1];
  return JSON.stringify(input, null, 2);
}
