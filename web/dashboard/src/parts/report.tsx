import { StatusBadge, type Tone } from "@claudeops/react";
import type { ReactNode } from "react";
import { reportStatus } from "../lib/words.ts";
import { HealthReport, isHealthReport } from "./health-report.tsx";
import { JsonView } from "./json-view.tsx";

/** What an execution came to: the health report as a report, text as text, anything else as a tree. */
export default function Report({ result }: { readonly result: unknown }): ReactNode {
  if (isHealthReport(result)) return <HealthReport report={result} />;
  if (typeof result === "string") {
    return <div className="max-w-[80ch] mx-auto px-4 py-6 whitespace-pre-wrap wrap-anywhere">{result}</div>;
  }
  const fields =
    typeof result === "object" && result !== null && !Array.isArray(result)
      ? Object.entries(result as Record<string, unknown>)
      : null;
  const status = reportStatus(result);
  return (
    <div className="max-w-[900px] mx-auto px-4 py-6 grid gap-4">
      {status && <StatusBadge status={status as Tone} />}
      {fields ? (
        <dl className="box grid grid-cols-[minmax(100px,auto)_minmax(0,1fr)]">
          {fields.map(([name, value]) => (
            <div key={name} className="contents group">
              <dt className="px-3.5 py-2 text-ink-3 border-t border-line group-first:border-t-0">{name}</dt>
              <dd className="px-3.5 py-2 border-t border-line group-first:border-t-0 wrap-anywhere">
                {typeof value === "object" && value !== null ? <JsonView value={value} /> : String(value)}
              </dd>
            </div>
          ))}
        </dl>
      ) : (
        <div className="box p-3.5">
          <JsonView value={result} />
        </div>
      )}
    </div>
  );
}
