import { formatInstant, formatWhen, useHub } from "@claudeops/react";
import type { ReactNode } from "react";

/** A moment: to the second today, to the minute before; the whole of it when pointed at. */
export function Instant({ at, className }: { readonly at: number; readonly className?: string }): ReactNode {
  const now = useHub().serverNow();
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return (
    <time dateTime={new Date(at).toISOString()} title={formatInstant(at)} className={className}>
      {today ? formatInstant(at).slice(11, 19) : formatWhen(at, now)}
    </time>
  );
}
