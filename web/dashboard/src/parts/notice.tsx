import type { ReactNode } from "react";

/** Something is missing or wrong: what, and what to do. */
export function Notice(props: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
  readonly tone?: "failed";
}): ReactNode {
  return (
    <div
      className="box px-6 py-10 grid justify-items-center gap-3 text-center"
      role={props.tone === "failed" ? "alert" : undefined}
    >
      <h2 className={`text-[15px] font-semibold ${props.tone === "failed" ? "text-failed" : ""}`}>
        {props.title}
      </h2>
      {props.children && <div className="text-ink-2 max-w-[60ch] grid gap-2">{props.children}</div>}
      {props.actions && <div className="flex flex-wrap justify-center gap-2 pt-1">{props.actions}</div>}
    </div>
  );
}

/** Blocks where content will be, for as long as it takes. */
export function Placeholder({ rows = 4 }: { readonly rows?: number }): ReactNode {
  return (
    <div className="box" aria-busy="true">
      <span className="sr-only" role="status">
        Loading
      </span>
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows without identity
        <div key={i} className="flex gap-6 px-3.5 py-3 border-t border-line first:border-t-0">
          <span className="h-3 w-20 rounded bg-line/70" />
          <span className="h-3 w-28 rounded bg-line/70" />
          <span className="h-3 flex-1 rounded bg-line/40" />
        </div>
      ))}
    </div>
  );
}
