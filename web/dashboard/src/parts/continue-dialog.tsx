import type { ExecutionRecord } from "@claudeops/client";
import { useHub } from "@claudeops/react";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { sayError } from "../lib/toasts.ts";
import { Dialog } from "./dialog.tsx";

/** Goes on with an agent's session: a new run that knows what the last one did. */
export default function ContinueDialog({
  record,
  open,
  onClose,
}: {
  readonly record: ExecutionRecord;
  readonly open: boolean;
  onClose(): void;
}): ReactNode {
  const { api } = useHub();
  const navigate = useNavigate();
  const [prompt, setPrompt] = useState("");
  const [sending, setSending] = useState(false);
  const start = async () => {
    if (sending || prompt.trim() === "") return;
    setSending(true);
    try {
      const path = `api/executions/${encodeURIComponent(record.executionId)}/continue`;
      const started = (await api.post(path, { prompt })) as { readonly executionId?: string };
      onClose();
      if (started.executionId) await navigate({ to: "/executions/$id", params: { id: started.executionId } });
    } catch (error) {
      sayError(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <Dialog open={open} onClose={onClose} title={`Continue ${record.agentType}`} width={560}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <label className="grid gap-1">
          <span className="text-ink-2">What it is to do next. It remembers this run.</span>
          <textarea
            className="text-input min-h-[110px]"
            value={prompt}
            onChange={(event) => setPrompt(event.target.value)}
          />
        </label>
        <div className="flex justify-end gap-2">
          <button type="button" className="cops-button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="cops-button cops-primary"
            disabled={sending || prompt.trim() === ""}
          >
            Continue
          </button>
        </div>
      </form>
    </Dialog>
  );
}
