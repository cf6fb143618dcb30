import type { ExecutionRecord } from "@claudeops/client";
import { useHub } from "@claudeops/react";
import { type ReactNode, useState } from "react";
import { say, sayError } from "../lib/toasts.ts";

/** Sends a line to an agent that reads its input. */
export function InputBox({ record }: { readonly record: ExecutionRecord }): ReactNode {
  const hub = useHub();
  const [text, setText] = useState("");
  const [sending, setSending] = useState(false);
  const send = async () => {
    if (text === "" || sending) return;
    setSending(true);
    try {
      await hub.connection.input(record.executionId, { text });
      setText("");
      say("Sent");
    } catch (error) {
      sayError(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <form
      className="flex-none flex gap-2 px-3 py-2 border-t border-line bg-panel"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <input
        className="text-input flex-1"
        aria-label={`Send text to ${record.agentType}`}
        placeholder="Send a line to the agent…"
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="cops-button" disabled={sending || text === ""}>
        Send
      </button>
    </form>
  );
}

/** Whether an agent reads what is sent to it. */
export function readsInput(agent: Readonly<Record<string, unknown>> | undefined): boolean {
  if (!agent) return false;
  const claude = agent.claude as { readonly interactive?: unknown } | undefined;
  return agent.stdin === "open" || claude?.interactive === true;
}
