import type { AgentDefinition } from "@claudeops/client";
import { AgentForm } from "@claudeops/react";
import type { ReactNode } from "react";
import { Dialog } from "./dialog.tsx";

export default function RunDialog(props: {
  readonly agent: AgentDefinition;
  readonly initial?: Readonly<Record<string, unknown>> | undefined;
  readonly open: boolean;
  onClose(): void;
  onRun(config: Record<string, unknown>): Promise<void>;
}): ReactNode {
  const { agent } = props;
  return (
    <Dialog
      open={props.open}
      onClose={props.onClose}
      title={agent.title || agent.name}
      description={agent.description}
    >
      <AgentForm agent={agent} initial={props.initial} onSubmit={props.onRun} onCancel={props.onClose} />
    </Dialog>
  );
}
