import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { dismiss, useToasts } from "../lib/toasts.ts";

export function Toaster(): ReactNode {
  const toasts = useToasts();
  return (
    <div
      className="fixed z-60 inset-x-3 bottom-[calc(68px+env(safe-area-inset-bottom))] sm:inset-x-auto sm:right-4 sm:bottom-4 grid gap-2 justify-items-end pointer-events-none"
      role="status"
      aria-live="polite"
    >
      {toasts.map((toast) => (
        <div
          key={toast.id}
          className={`pointer-events-auto box flex items-center gap-3 pl-3.5 pr-2 py-2 shadow-[0_6px_24px_oklch(0_0_0/0.16)] max-w-full ${toast.tone === "failed" ? "border-failed/50!" : ""}`}
        >
          <span className={toast.tone === "failed" ? "text-failed" : ""}>{toast.text}</span>
          {toast.executionId && (
            <Link
              to="/executions/$id"
              params={{ id: toast.executionId }}
              className="link font-[550]"
              onClick={() => dismiss(toast.id)}
            >
              Open
            </Link>
          )}
          <button
            type="button"
            className="text-ink-3 hover:text-ink px-1"
            aria-label="Dismiss"
            onClick={() => dismiss(toast.id)}
          >
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
