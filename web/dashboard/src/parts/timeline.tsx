import type { Api, ExecutionRecord } from "@claudeops/client";
import {
  Elapsed,
  formatDuration,
  formatInstant,
  formatPlural,
  StatusShape,
  type Tone,
  useHub,
} from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { reaped, toneOf, triggerWords } from "../lib/words.ts";
import { Instant } from "./instant.tsx";
import { Rate } from "./rate.tsx";

export interface TimelineProps {
  readonly record: ExecutionRecord;
  /** Called with a line that one wants to see. */
  onLine(seq: number): void;
}

/** When an execution was asked for, began and ended, and how busy it was in between. */
export function Timeline({ record, onLine }: TimelineProps): ReactNode {
  const queued = Date.parse(record.queuedAt);
  const started = record.startedAt ? Date.parse(record.startedAt) : null;
  const ended = record.endedAt ? Date.parse(record.endedAt) : null;
  return (
    <section>
      <div className="head-row">
        <h2>Timeline</h2>
      </div>
      <ol className="timeline">
        <Step tone="queued" at={queued} word="Queued" more={`by ${triggerWords(record)}`} />
        {started !== null && (
          <Step
            tone="running"
            at={started}
            word="Started"
            more={`after ${formatDuration(Math.max(0, started - queued))}`}
          />
        )}
        {record.status === "cancelling" && <Step tone="cancelling" word="Stopping" more="asked to end" />}
        {ended !== null ? (
          <Step
            tone={toneOf(record)}
            at={ended}
            word={ENDS[record.status] ?? "Ended"}
            more={[
              record.durationMs === undefined ? "" : `after ${formatDuration(record.durationMs)}`,
              record.status === "cancelled" && record.cancelledBy ? `by ${record.cancelledBy}` : "",
            ]
              .filter(Boolean)
              .join(", ")
              .concat(reaped(record))}
          />
        ) : started === null ? (
          <Step
            tone="queued"
            word="Waits"
            more={record.queuePosition ? `${record.queuePosition}. in line` : ""}
          />
        ) : record.status === "running" ? (
          <Step
            tone="running"
            word="Running"
            more={
              <>
                for <Elapsed record={record} />
              </>
            }
          />
        ) : null}
      </ol>
      {ended !== null && started !== null ? (
        <Activity record={record} from={started} to={ended} onLine={onLine} />
      ) : started !== null ? (
        <Rate executionId={record.executionId} />
      ) : null}
    </section>
  );
}

const ENDS: Readonly<Record<string, string>> = {
  completed: "Completed",
  failed: "Failed",
  cancelled: "Stopped",
};

function Step(props: { tone: Tone; at?: number; word: string; more: ReactNode }): ReactNode {
  return (
    <li data-status={props.tone}>
      <StatusShape status={props.tone} />
      <span>
        <b>{props.word}</b> <span className="text-ink-2">{props.more}</span>
      </span>
      {props.at !== undefined && <Instant at={props.at} className="text-ink-3" />}
    </li>
  );
}

/** Slices of time drawn. */
const SLICES = 60;
/** Logs up to this long are read whole for it; of longer ones, so many places. */
const WHOLE = 1000;
const PLACES = 40;

/** How many lines came when. Pressing a slice shows its first line. */
function Activity(props: {
  record: ExecutionRecord;
  from: number;
  to: number;
  onLine(seq: number): void;
}): ReactNode {
  const { record, from, to } = props;
  const { api } = useHub();
  const places = useQuery({
    queryKey: ["activity", record.executionId],
    queryFn: ({ signal }) => sample(api, record, signal),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: !record.logsRemovedAt,
    retry: false,
  });
  const known = places.data;
  if (!known || known.length < 3 || to <= from) return null;
  const slices = slicesOf(known, record.head <= WHOLE, from, to);
  const most = Math.max(...slices.map((slice) => slice.lines), 1);
  const width = 100 / SLICES;
  return (
    <figure className="mt-3">
      <svg
        className="block w-full h-11 overflow-visible"
        viewBox="0 0 100 30"
        preserveAspectRatio="none"
        role="img"
        aria-label="Lines over time"
      >
        <path className="timeline-ground" d="M0 30H100" />
        {slices.map((slice, i) => {
          const height = slice.lines === 0 ? 0 : Math.max(1.5, (slice.lines / most) * 29);
          return (
            // biome-ignore lint/a11y/noStaticElementInteractions: the log itself is what keys go through
            <g key={slice.at} className="timeline-slice" onClick={() => props.onLine(slice.seq)}>
              <title>{`${formatInstant(slice.at).slice(11, 19)}: about ${formatPlural(Math.round(slice.lines), "line")}`}</title>
              <rect className="timeline-catch" x={i * width} y="0" width={width} height="30" />
              <rect
                className="timeline-bar"
                x={i * width + width * 0.12}
                y={30 - height}
                width={width * 0.76}
                height={height}
              />
            </g>
          );
        })}
      </svg>
      <figcaption className="flex justify-between pt-1 text-[12px] text-ink-3">
        <span>0:00</span>
        <span>{formatDuration(to - from)}</span>
      </figcaption>
    </figure>
  );
}

/** A line that came at some time. */
interface Place {
  readonly seq: number;
  readonly at: number;
}

async function sample(api: Api, record: ExecutionRecord, signal: AbortSignal): Promise<readonly Place[]> {
  const { executionId, head } = record;
  const read = async (since: number, limit: number): Promise<readonly Place[]> => {
    const { events } = await api.executions.events(executionId, { since, limit }, { signal });
    return events.map((event) => ({ seq: event.seq, at: Date.parse(event.timestamp) }));
  };
  if (head <= WHOLE) return read(0, WHOLE);
  const found: Place[] = [];
  // A few at a time: the log itself is being read as well.
  for (let i = 0; i <= PLACES; i += 4) {
    const some = Array.from({ length: Math.min(4, PLACES - i + 1) }, (_, n) =>
      read(Math.min(head - 1, Math.floor(((i + n) / PLACES) * head)), 1),
    );
    for (const places of await Promise.all(some)) found.push(...places);
  }
  return found;
}

/** Lines in each slice of time: counted where every line is known, else as even as the places tell. */
function slicesOf(
  places: readonly Place[],
  whole: boolean,
  from: number,
  to: number,
): { seq: number; at: number; lines: number }[] {
  const width = (to - from) / SLICES;
  let i = 0;
  const seqAt = (at: number): number => {
    while (i + 1 < places.length && (places[i + 1] as Place).at <= at) i++;
    const here = places[i] as Place;
    if (whole) return at < here.at ? here.seq : here.seq + 1;
    const next = places[i + 1];
    if (at <= here.at || !next || next.at <= here.at) return here.seq;
    return here.seq + ((at - here.at) / (next.at - here.at)) * (next.seq - here.seq);
  };
  const slices: { seq: number; at: number; lines: number }[] = [];
  let before = seqAt(from);
  for (let slice = 0; slice < SLICES; slice++) {
    const after = seqAt(from + (slice + 1) * width);
    slices.push({ seq: Math.max(1, Math.ceil(before)), at: from + slice * width, lines: after - before });
    before = after;
  }
  return slices;
}
