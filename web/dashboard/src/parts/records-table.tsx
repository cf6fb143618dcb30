import type { ExecutionRecord } from "@claudeops/client";
import { Elapsed, formatInstant, formatWhen, StatusBadge, StopButton } from "@claudeops/react";
import { Link, useNavigate } from "@tanstack/react-router";
import { Pin } from "lucide-react";
import type { ReactNode } from "react";
import { sayError } from "../lib/toasts.ts";
import { summaryOf, toneOf, triggerShort } from "../lib/words.ts";

export interface RecordsTableProps {
  readonly records: readonly ExecutionRecord[];
  /** Ids that are chosen, where choosing is wanted. */
  readonly chosen?: ReadonlySet<string>;
  onChoose?(executionId: string, chosen: boolean): void;
  readonly label: string;
}

const cell = "py-[7px] px-3.5 whitespace-nowrap";

/** Runs as rows: how they ended, what they said, who started them, how long, when. */
export function RecordsTable({ records, chosen, onChoose, label }: RecordsTableProps): ReactNode {
  const navigate = useNavigate();
  const now = Date.now();
  return (
    <div className="box overflow-hidden">
      <table className="w-full border-collapse" aria-label={label}>
        <thead className="sr-only">
          <tr>
            {chosen && <th>Chosen</th>}
            <th>State</th>
            <th>Agent</th>
            <th>Summary</th>
            <th>Started by</th>
            <th>Took</th>
            <th>When</th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr
              key={record.executionId}
              data-row
              className="border-t border-line first:border-t-0 hover:bg-hover cursor-pointer"
              onClick={(event) => {
                if ((event.target as HTMLElement).closest("a, button, input, label")) return;
                void navigate({ to: "/executions/$id", params: { id: record.executionId } });
              }}
            >
              {chosen && (
                <td className="py-[7px] pl-3.5 w-0">
                  {record.terminal ? null : (
                    <input
                      type="checkbox"
                      className="block size-4 accent-accent"
                      aria-label={`Choose ${record.agentType} ${record.executionId}`}
                      checked={chosen.has(record.executionId)}
                      onChange={(event) => onChoose?.(record.executionId, event.target.checked)}
                    />
                  )}
                </td>
              )}
              <td className={`${cell} w-0`}>
                <StatusBadge status={toneOf(record)} />
              </td>
              <td className={`${cell} w-full max-w-0 sm:w-0 sm:max-w-[40vw]`}>
                <Link
                  to="/executions/$id"
                  params={{ id: record.executionId }}
                  data-open
                  className="flex items-center gap-1.5 font-semibold hover:underline"
                >
                  <span className="truncate">{record.agentType}</span>
                  {record.pinned && (
                    <Pin
                      size={12}
                      fill="currentColor"
                      className="flex-none text-ink-3"
                      role="img"
                      aria-label="pinned"
                    />
                  )}
                </Link>
                <span className="block sm:hidden truncate text-ink-2 text-[12.5px]">{summaryOf(record)}</span>
              </td>
              <td
                className={`${cell} max-w-0 truncate text-ink-2 hidden sm:table-cell`}
                title={summaryOf(record)}
              >
                {summaryOf(record)}
              </td>
              <td className={`${cell} w-0 text-ink-3 hidden sm:table-cell`}>{triggerShort(record)}</td>
              <td className={`${cell} w-0 text-right text-ink-2 hidden sm:table-cell`}>
                <Elapsed record={record} />
              </td>
              <td className={`${cell} text-right text-ink-2 w-0`}>
                {record.terminal ? (
                  <time
                    dateTime={record.endedAt}
                    title={formatInstant(Date.parse(record.endedAt ?? record.queuedAt))}
                  >
                    {formatWhen(Date.parse(record.endedAt ?? record.queuedAt), now)}
                  </time>
                ) : (
                  <StopButton record={record} onError={sayError} className="py-0!" />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
