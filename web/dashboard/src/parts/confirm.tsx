import { type ReactNode, useRef } from "react";
import { part } from "../lib/part.tsx";
import type { DialogProps } from "./dialog.tsx";

const Dialog = part<DialogProps>(async () => ({ default: (await import("./dialog.tsx")).Dialog }), {
  name: "The question",
});

export interface ConfirmProps {
  readonly open: boolean;
  readonly title: string;
  /** What the button that does it says. */
  readonly action: string;
  /** What the button that does nothing says. */
  readonly keep?: string;
  readonly children: ReactNode;
  onClose(): void;
  onConfirm(): void;
}

/** Asks before something that can't be taken back. */
export function Confirm({
  open,
  title,
  action,
  keep = "Keep running",
  children,
  onClose,
  onConfirm,
}: ConfirmProps): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  asked.current ||= open;
  if (!asked.current) return null;
  return (
    <Dialog open={open} onClose={onClose} title={title} width={400} initialFocus={button}>
      <p className="text-ink-2">{children}</p>
      <div className="flex justify-end gap-2 pt-4">
        <button type="button" className="cops-button" onClick={onClose}>
          {keep}
        </button>
        <button
          ref={button}
          type="button"
          className={`cops-button ${action.startsWith("Stop") ? "cops-stop" : "cops-primary"}`}
          onClick={onConfirm}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
