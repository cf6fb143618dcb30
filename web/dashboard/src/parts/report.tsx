import { StatusBadge, type Tone } from "@claudeops/react";
import type { ReactNode } from "react";
import { copyText } from "../lib/copy.ts";
import { say, sayError } from "../lib/toasts.ts";
import { reportStatus } from "../lib/words.ts";
import { HealthReport, isHealthReport } from "./health-report.tsx";
import { JsonView } from "./json-view.tsx";
import { Linked } from "./linked.tsx";
import { isMarkdown, Markdown } from "./markdown.tsx";
import { columnsOf, RecordsGrid } from "./records-grid.tsx";

/** What a run came to: a health report as a report, Markdown as such, lists as tables, the rest as a tree. */
export default function Report({ result }: { readonly result: unknown }): ReactNode {
  return (
    <div className="relative">
      <button
        type="button"
        className="cops-button absolute right-3 top-3 z-10"
        onClick={() =>
          copyText(typeof result === "string" ? result : JSON.stringify(result, null, 2)).then(
            () => say("Result copied"),
            sayError,
          )
        }
      >
        Copy
      </button>
      <Content result={result} />
    </div>
  );
}

function Content({ result }: { result: unknown }): ReactNode {
  if (isHealthReport(result)) return <HealthReport report={result} />;
  if (typeof result === "string") {
    return (
      <div className="max-w-[80ch] mx-auto px-4 py-6 pr-20">
        <Text text={result} />
      </div>
    );
  }
  const columns = columnsOf(result);
  const fields =
    typeof result === "object" && result !== null && !Array.isArray(result)
      ? Object.entries(result as Record<string, unknown>)
      : null;
  const status = reportStatus(result);
  return (
    <div className="max-w-[900px] mx-auto px-4 pt-14 pb-6 grid gap-4">
      {status && <StatusBadge status={status as Tone} />}
      {columns ? (
        <RecordsGrid rows={result as Record<string, unknown>[]} columns={columns} />
      ) : fields ? (
        <dl className="box grid grid-cols-[minmax(100px,auto)_minmax(0,1fr)]">
          {fields.map(([name, value]) => (
            <div key={name} className="contents group">
              <dt className="px-3.5 py-2 text-ink-2 border-t border-line group-first:border-t-0">{name}</dt>
              <dd className="px-3.5 py-2 border-t border-line group-first:border-t-0 wrap-anywhere">
                <Value value={value} />
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

function Value({ value }: { value: unknown }): ReactNode {
  const columns = columnsOf(value);
  if (columns) return <RecordsGrid rows={value as Record<string, unknown>[]} columns={columns} />;
  if (typeof value === "string") return <Text text={value} />;
  return typeof value === "object" && value !== null ? <JsonView value={value} /> : String(value);
}

function Text({ text }: { text: string }): ReactNode {
  return isMarkdown(text) ? (
    <Markdown text={text} />
  ) : (
    <div className="whitespace-pre-wrap wrap-anywhere">
      <Linked text={text} />
    </div>
  );
}
