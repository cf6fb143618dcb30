import type { AgentDefinition, ExecutionRecord } from "@claudeops/client";
import { Elapsed, formatInstant, formatWhen, StatusBadge, StopButton, useHub } from "@claudeops/react";
import { Link, useNavigate } from "@tanstack/react-router";
import { Pin } from "lucide-react";
import type { ReactNode } from "react";
import type { Held } from "../lib/held.ts";
import { useAgents } from "../lib/queries.ts";
import { sayError } from "../lib/toasts.ts";
import { distinctionOf, summaryOf, toneOf, triggerShort } from "../lib/words.ts";

export interface RecordsTableProps {
  readonly records: readonly ExecutionRecord[];
  /** Ids that are chosen, where choosing is wanted. */
  readonly chosen?: ReadonlySet<string>;
  /** A run was pressed to be chosen; `range` with Shift. */
  onChoose?(executionId: string, range: boolean): void;
  readonly label: string;
  /** Keeps rows in their place while the pointer is over them. */
  readonly pointer?: Held["pointer"];
}

const cell = "py-[7px] px-2.5 first:pl-3.5 last:pr-3.5 whitespace-nowrap";

/** Runs as rows: how they ended, what they said, who started them, how long, when. */
export function RecordsTable({ records, chosen, onChoose, label, pointer }: RecordsTableProps): ReactNode {
  const agents = useAgents();
  const byName = new Map((agents.data?.agents ?? []).map((agent) => [agent.name, agent]));
  return (
    <div className="box overflow-hidden" {...pointer}>
      {/* Widths are fixed: a run that ends changes its cells and moves nothing. */}
      <table className="w-full border-collapse table-fixed" aria-label={label}>
        <colgroup>
          {chosen && <col className="w-9" />}
          <col className="w-[122px]" />
          <col className="sm:w-[30%]" />
          <col className="hidden sm:table-column" />
          <col className="hidden sm:table-column w-[104px]" />
          <col className="hidden sm:table-column w-[84px]" />
          <col className="w-[112px]" />
        </colgroup>
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
            <Row
              key={record.executionId}
              record={record}
              agent={byName.get(record.agentType)}
              chosen={chosen?.has(record.executionId)}
              onChoose={onChoose}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({
  record,
  agent,
  chosen,
  onChoose,
}: {
  record: ExecutionRecord;
  agent: AgentDefinition | undefined;
  chosen: boolean | undefined;
  onChoose: RecordsTableProps["onChoose"];
}): ReactNode {
  const navigate = useNavigate();
  const now = useHub().serverNow();
  const { executionId } = record;
  const given = distinctionOf(record, agent);
  const summary = summaryOf(record);
  return (
    <tr
      data-row={executionId}
      aria-selected={chosen}
      className="border-t border-line first:border-t-0 hover:bg-hover aria-selected:bg-accent-wash cursor-pointer"
      onClick={(event) => {
        if ((event.target as HTMLElement).closest("a, button, input, label")) return;
        if (chosen !== undefined) onChoose?.(executionId, event.shiftKey);
        else void navigate({ to: "/executions/$id", params: { id: executionId } });
      }}
    >
      {chosen !== undefined && (
        <td className="py-[7px] pl-3.5">
          <input
            type="checkbox"
            className="block size-4 accent-accent"
            aria-label={`Choose ${record.agentType} ${executionId}`}
            checked={chosen}
            onClick={(event) => onChoose?.(executionId, event.shiftKey)}
            // The press is what chooses: it knows of Shift.
            onChange={() => {}}
          />
        </td>
      )}
      <td className={cell}>
        <StatusBadge status={toneOf(record)} />
      </td>
      <td className={`${cell} overflow-hidden`}>
        <span className="flex items-baseline gap-1.5 min-w-0">
          <Link
            to="/executions/$id"
            params={{ id: executionId }}
            data-open
            className="font-semibold truncate hover:underline"
          >
            {record.agentType}
          </Link>
          {record.pinned && (
            <Pin
              size={12}
              fill="currentColor"
              className="flex-none self-center text-ink-3"
              role="img"
              aria-label="pinned"
            />
          )}
          {given && (
            <span className="hidden sm:block min-w-0 flex-1 truncate text-ink-3 text-[12.5px]" title={given}>
              {given}
            </span>
          )}
        </span>
        <span className="block sm:hidden truncate text-ink-2 text-[12.5px]">{summary || given}</span>
      </td>
      <td className={`${cell} truncate text-ink-2 hidden sm:table-cell`} title={summary}>
        {summary}
      </td>
      <td className={`${cell} truncate text-ink-3 hidden sm:table-cell`}>{triggerShort(record)}</td>
      <td className={`${cell} text-right text-ink-2 hidden sm:table-cell`}>
        <Elapsed record={record} />
      </td>
      <td className={`${cell} text-right text-ink-2`}>
        {record.terminal ? (
          <time
            dateTime={record.endedAt}
            title={formatInstant(Date.parse(record.endedAt ?? record.queuedAt))}
          >
            {formatWhen(Date.parse(record.endedAt ?? record.queuedAt), now)}
          </time>
        ) : (
          <StopButton record={record} onError={sayError} className="py-0! sm:min-h-0! sm:leading-[18px]!" />
        )}
      </td>
    </tr>
  );
}
