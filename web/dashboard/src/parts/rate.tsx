import { formatShort, useLogStream, useNow } from "@claudeops/react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Sparkline } from "./sparkline.tsx";

/** Lines a second, over the last minute. */
export function Rate({ executionId }: { readonly executionId: string }): ReactNode {
  const { total, opening } = useLogStream(executionId, { tail: 0 });
  const now = useNow();
  const seen = useRef<{ at: number; total: number } | null>(null);
  const [rates, setRates] = useState<readonly number[]>([]);
  const latest = useRef(total);
  latest.current = total;
  useEffect(() => {
    if (opening || now === 0) return;
    const before = seen.current;
    seen.current = { at: now, total: latest.current };
    if (!before || now <= before.at) return;
    const rate = ((latest.current - before.total) * 1000) / (now - before.at);
    setRates((known) => [...known.slice(-59), Math.max(0, rate)]);
  }, [now, opening]);
  return (
    <section className="mt-4">
      <div className="head-row">
        <h2>Lines a second</h2>
        <span className="ml-auto text-ink-2">
          {rates.length > 0 ? formatShort(Math.round(rates.at(-1) ?? 0)) : ""}
        </span>
      </div>
      <Sparkline values={rates} className="w-full h-14" />
    </section>
  );
}
