import { Dialog as Base } from "@base-ui/react/dialog";
import type { CSSProperties, ReactNode, RefObject } from "react";

export interface DialogProps {
  readonly open: boolean;
  onClose(): void;
  readonly title: string;
  readonly description?: ReactNode;
  readonly children: ReactNode;
  readonly width?: number;
  /** The title is only for those who can't see what it is. */
  readonly bare?: boolean;
  readonly initialFocus?: RefObject<HTMLElement | null>;
}

/** A dialog over the page; on a phone a sheet from below. */
export function Dialog({
  open,
  onClose,
  title,
  description,
  children,
  width = 520,
  bare,
  initialFocus,
}: DialogProps): ReactNode {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/30 dark:bg-black/50 transition-opacity duration-120 data-starting-style:opacity-0 data-ending-style:opacity-0" />
        <Base.Popup
          initialFocus={initialFocus}
          style={{ "--dialog-width": `${width}px` } as CSSProperties}
          className={`fixed z-50 inset-x-0 bottom-0 w-full sm:inset-x-auto sm:bottom-auto sm:left-1/2 sm:-translate-x-1/2 sm:w-[calc(100vw-32px)] sm:max-w-[var(--dialog-width)] ${bare ? "sm:top-[12vh]" : "sm:top-[10vh]"} max-h-[86dvh] flex flex-col overflow-hidden outline-0 border border-line bg-panel text-ink rounded-t-xl sm:rounded-xl shadow-[0_16px_48px_oklch(0_0_0/0.24)] transition-[opacity,translate] duration-120 data-starting-style:opacity-0 data-ending-style:opacity-0 data-starting-style:translate-y-2`}
        >
          <div className={bare ? "sr-only" : "px-5 pt-4 pb-3 border-b border-line"}>
            <Base.Title className="text-[15px] font-semibold">{title}</Base.Title>
            {description && <Base.Description className="text-ink-2 mt-0.5">{description}</Base.Description>}
          </div>
          <div className={`min-h-0 overflow-y-auto ${bare ? "flex flex-col" : "px-5 py-4"}`}>{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
