import { type ExecutionRecord, stringifyJson } from "@claudeops/client";
import {
  fieldsOf,
  formatBytes,
  formatCount,
  formatPlural,
  formatShort,
  quote,
  showControls,
  useLogStream,
} from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useAgents } from "../lib/queries.ts";
import { costOf, failure } from "../lib/words.ts";
import { Instant } from "./instant.tsx";
import { JsonView } from "./json-view.tsx";
import { LastError } from "./last-error.tsx";
import { Timeline } from "./timeline.tsx";

export interface DetailsProps {
  readonly record: ExecutionRecord;
  /** Called with a line that one wants to see. */
  onLine(seq: number): void;
}

/** What is known of an execution beside its log. */
export function ExecutionDetails({ record, onLine }: DetailsProps): ReactNode {
  const { total } = useLogStream(record.executionId, { tail: 0 });
  return (
    <>
      {record.status === "failed" && (
        <section className="rounded-md border border-failed/40 bg-failed/8 px-3 py-2">
          <h2 className="font-semibold text-failed mb-0.5">Why it failed</h2>
          <p className="wrap-anywhere">{showControls(failure(record)) || "No reason was given."}</p>
          <LastError record={record} onLine={onLine} />
          {ADVICE[record.reason ?? ""] && <p className="text-ink-2 mt-1">{ADVICE[record.reason ?? ""]}</p>}
        </section>
      )}
      <Timeline record={record} onLine={onLine} />
      <Parameters record={record} />
      <section>
        <div className="head-row">
          <h2>Run</h2>
        </div>
        <dl className="facts">
          {record.tags && record.tags.length > 0 && (
            <Fact name="Tags">
              {record.tags.map((tag) => (
                <Link key={tag} to="/executions" search={{ q: `#${tag}` }} className="mr-2 text-accent">
                  #{tag}
                </Link>
              ))}
            </Fact>
          )}
          {record.exitCode !== undefined && <Fact name="Exit">{record.exitCode}</Fact>}
          {record.signal && <Fact name="Signal">{record.signal}</Fact>}
          {record.model && <Fact name="Model">{record.model}</Fact>}
          {record.tokens && (
            <Fact name="Tokens">
              {formatShort(record.tokens.input + record.tokens.cacheRead + record.tokens.cacheWrite)} in,{" "}
              {formatShort(record.tokens.output)} out
            </Fact>
          )}
          {record.cost > 0 && <Fact name="Cost">{costOf(record)}</Fact>}
          {record.host && (
            <Fact name="Host">
              {record.host}
              {record.pid ? `, pid ${record.pid}` : ""}
            </Fact>
          )}
          {record.workdir && (
            <Fact name="Folder">
              {record.workdir.includes(record.executionId) ? (
                "a scratch folder of its own"
              ) : (
                <span className="font-mono text-[12.5px]">{record.workdir}</span>
              )}
            </Fact>
          )}
          {record.command && record.command.length > 0 && (
            <Fact name="Command">
              <span
                className="font-mono text-[12.5px] wrap-anywhere line-clamp-4"
                title={record.command.map(quote).join(" ")}
              >
                {record.command.map(quote).join(" ")}
              </span>
            </Fact>
          )}
          {record.terminal && !record.survivors?.length && (
            <Fact name="Processes">
              {record.processesReaped > 0
                ? `${formatCount(record.processesReaped)} reaped`
                : "none left behind"}
            </Fact>
          )}
          {record.survivors && record.survivors.length > 0 && (
            <Fact name="Still running">
              <ul className="text-failed" aria-label="Processes that could not be ended">
                {record.survivors.map(({ pid, command }) => (
                  <li key={pid} className="font-mono text-[12.5px] wrap-anywhere">
                    {pid} {command}
                  </li>
                ))}
              </ul>
            </Fact>
          )}
          {record.survivors && record.survivors.length > 0 && (
            <Fact name="Still alive">
              <span className="text-failed">
                {formatPlural(record.survivors.length, "process", "processes")} could not be ended:
              </span>
              {record.survivors.map((one) => (
                <span key={one.pid} className="block font-mono text-[12.5px] wrap-anywhere">
                  {one.pid} {one.command}
                </span>
              ))}
            </Fact>
          )}
          {record.logsRemovedAt && (
            <Fact name="Log">
              not kept since <Instant at={Date.parse(record.logsRemovedAt)} />
            </Fact>
          )}
          {total > 0 && <Fact name="Lines">{formatCount(total)}</Fact>}
          {record.droppedLines ? (
            <Fact name="Dropped">
              {formatPlural(record.droppedLines, "line")}, {formatBytes(record.droppedBytes ?? 0)}
            </Fact>
          ) : null}
          <Fact name="Id">
            <span className="font-mono text-[11.5px]">{record.executionId}</span>
          </Fact>
        </dl>
      </section>
    </>
  );
}

/** What it was given. What is only a default steps back: many agents have many. */
function Parameters({ record }: { record: ExecutionRecord }): ReactNode {
  const agents = useAgents();
  const agent = agents.data?.agents.find((known) => known.name === record.agentType);
  const fallbacks = new Map(
    fieldsOf(agent?.parameters).map((field) => [field.name, stringifyJson(field.fallback)]),
  );
  const all = Object.entries(record.config ?? {});
  const isDefault = ([name, value]: [string, unknown]) => fallbacks.get(name) === stringifyJson(value);
  const given = all.filter((entry) => !isDefault(entry));
  const rest = all.filter(isDefault);
  return (
    <section>
      <div className="head-row">
        <h2>Parameters</h2>
      </div>
      {given.length > 0 ? (
        <Values entries={given} />
      ) : rest.length === 0 ? (
        <p className="text-ink-3">None</p>
      ) : null}
      {rest.length > 0 && (
        <details className={given.length > 0 ? "mt-2" : ""}>
          <summary className="cursor-pointer text-ink-2 hover:text-ink">
            {formatPlural(rest.length, given.length > 0 ? "other" : "parameter")} at{" "}
            {rest.length === 1 ? "its default" : "their defaults"}
          </summary>
          <div className="mt-2">
            <Values entries={rest} />
          </div>
        </details>
      )}
    </section>
  );
}

function Values({ entries }: { entries: readonly (readonly [string, unknown])[] }): ReactNode {
  return (
    <dl className="grid grid-cols-[minmax(92px,auto)_minmax(0,1fr)] gap-x-2.5 gap-y-[5px] [&_dt]:text-ink-3 [&_dt]:wrap-anywhere">
      {entries.map(([name, value]) => (
        <div key={name} className="contents">
          <dt>{name}</dt>
          <dd className="font-mono text-[12.5px] wrap-anywhere">
            {typeof value === "object" ? <JsonView value={value} /> : showControls(String(value))}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <>
      <dt className="truncate" title={name}>
        {name}
      </dt>
      <dd>{children}</dd>
    </>
  );
}

const ADVICE: Readonly<Record<string, string>> = {
  timeout: "Raise `timeout` in the agent's definition, or give it less to do.",
  idle_timeout: "Raise `idleTimeout` in the agent's definition if long silences are normal for it.",
  spawn_failed: "Check that the command exists on the server and may be run.",
  runner_lost: "The process that ran it was killed from outside; what it had started was ended.",
  host_restarted: "The machine went down under it. Run it again.",
  budget_exceeded: "Raise `budget` in the agent's definition to let it go on for longer.",
  out_of_memory: "The machine had no memory left for it.",
};
