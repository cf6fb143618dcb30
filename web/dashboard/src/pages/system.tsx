import type { DiskUsage } from "@claudeops/client";
import {
  formatBytes,
  formatCount,
  formatDuration,
  useConnection,
  useExecutions,
  useSystemStatus,
} from "@claudeops/react";
import type { ReactNode } from "react";
import { part } from "../lib/part.tsx";
import { serverUrl } from "../lib/place.ts";
import { useSession } from "../lib/queries.ts";
import { useTitle } from "../lib/title.ts";
import { sayError } from "../lib/toasts.ts";
import { DiskNotice } from "../parts/disk-notice.tsx";
import { Bar } from "../parts/health-report.tsx";
import { Notice, Placeholder } from "../parts/notice.tsx";
import { loadTone } from "../parts/system-strip.tsx";

const Chart = part(() => import("../parts/chart.tsx"), {
  name: "The chart",
  loading: <div className="h-[140px]" />,
});

/** The machine and this connection to it. */
export default function System(): ReactNode {
  useTitle("System");
  const { status, history, error } = useSystemStatus();
  const { active } = useExecutions();
  const connection = useConnection();
  const session = useSession();
  const times = history.map((sample) => Date.parse(sample.timestamp) / 1000);
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-5 pb-12 grid gap-[26px] content-start">
      <h1 className="sr-only">System</h1>
      {error ? (
        <Notice title="The system's figures can't be had" tone="failed">
          <p>{error.message}</p>
        </Notice>
      ) : !status ? (
        <Placeholder rows={3} />
      ) : (
        <>
          <DiskNotice status={status} />
          <section className="grid md:grid-cols-2 gap-2.5" aria-label="Charts">
            <Panel
              name="CPU"
              value={`${Math.round(status.cpu)} %`}
              more={`load ${status.load.map((load) => load.toFixed(2)).join("  ")}`}
            >
              <Chart
                times={times}
                values={history.map((sample) => sample.cpu)}
                max={100}
                unit="%"
                label="CPU"
              />
            </Panel>
            <Panel
              name="Memory"
              value={`${Math.round(status.memory.percent)} %`}
              more={`${formatBytes(status.memory.used)} of ${formatBytes(status.memory.total)}`}
            >
              <Chart
                times={times}
                values={history.map((sample) => sample.memory.percent)}
                max={100}
                unit="%"
                label="Memory"
              />
            </Panel>
          </section>
          <section aria-labelledby="disk">
            <div className="head-row">
              <h2 id="disk">Disk of the data directory</h2>
            </div>
            <div className="box px-4 py-3 grid gap-2" data-tone={loadTone(status.disk.percent)}>
              <div className="flex items-baseline gap-3">
                <b className="text-[19px] font-semibold tracking-[-0.02em]">
                  {Math.round(status.disk.percent)} %
                </b>
                <span className="text-ink-2">
                  {formatBytes(status.disk.used)} used, {formatBytes(freeOf(status.disk))} free
                </span>
                <span className="hidden sm:block ml-auto font-mono text-[12.5px] text-ink-3 truncate">
                  {status.disk.path}
                </span>
              </div>
              <Bar percent={status.disk.percent} />
            </div>
          </section>
        </>
      )}
      <div className="grid md:grid-cols-2 gap-[26px]">
        <section aria-labelledby="server">
          <div className="head-row">
            <h2 id="server">Server</h2>
          </div>
          <dl className="box px-4 py-3 facts">
            <dt>Version</dt>
            <dd>{session.data?.version || "–"}</dd>
            <dt>Executions</dt>
            <dd>
              {formatCount(active.filter((record) => record.status !== "queued").length)} running,{" "}
              {formatCount(active.filter((record) => record.status === "queued").length)} queued
            </dd>
            <dt>Signed in</dt>
            <dd>
              {session.data?.id ?? connection.user?.id ?? "–"}
              {session.data?.permissions?.length ? (
                <span className="text-ink-3"> ({session.data.permissions.join(", ")})</span>
              ) : null}
            </dd>
          </dl>
          <button type="button" className="cops-button mt-2.5" onClick={() => void signOut()}>
            Sign out
          </button>
        </section>
        <section aria-labelledby="connection">
          <div className="head-row">
            <h2 id="connection">Connection</h2>
          </div>
          <dl className="box px-4 py-3 facts">
            <dt>State</dt>
            <dd>{connection.status}</dd>
            <dt>Over</dt>
            <dd>
              {connection.transport === "websocket"
                ? "WebSocket"
                : connection.transport === "sse"
                  ? "event stream (WebSocket is blocked)"
                  : connection.transport === "poll"
                    ? "long polling (nothing better gets through)"
                    : "–"}
            </dd>
            <dt>Latency</dt>
            <dd>{connection.latencyMs === null ? "–" : formatDuration(Math.max(1, connection.latencyMs))}</dd>
            <dt>Since</dt>
            <dd>
              {connection.openSince === null
                ? "–"
                : new Date(connection.openSince).toLocaleTimeString([], { hour12: false })}
            </dd>
            {connection.history.length > 0 && (
              <>
                <dt>Problems</dt>
                <dd className="grid gap-0.5">
                  {[...connection.history].reverse().map((problem) => (
                    <span key={problem.at}>
                      <span className="text-ink-3">
                        {new Date(problem.at).toLocaleTimeString([], { hour12: false })}
                      </span>{" "}
                      {problem.message}
                    </span>
                  ))}
                </dd>
              </>
            )}
          </dl>
        </section>
      </div>
    </main>
  );
}

/** Ends this browser's session; what is left of the page is the door. */
async function signOut(): Promise<void> {
  try {
    const answer = await fetch(serverUrl("logout"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    if (!answer.ok) throw new Error(`The server refused: ${answer.status} ${answer.statusText}`);
    location.assign(serverUrl("./"));
  } catch (error) {
    sayError(error);
  }
}

/** What may still be written: a part of every file system is kept for root, so it is not simply the rest. */
function freeOf(disk: DiskUsage): number {
  return disk.percent > 0 ? Math.max(0, disk.used * (100 / disk.percent - 1)) : disk.total - disk.used;
}

function Panel({
  name,
  value,
  more,
  children,
}: {
  name: string;
  value: string;
  more: string;
  children: ReactNode;
}): ReactNode {
  return (
    <div className="box px-4 pt-3 pb-2">
      <div className="flex items-baseline gap-3 mb-1">
        <span className="text-ink-3 text-[12px]">{name}</span>
        <b className="text-[19px] font-semibold tracking-[-0.02em]">{value}</b>
        <span className="ml-auto text-ink-2 text-[12px] whitespace-pre">{more}</span>
      </div>
      {children}
    </div>
  );
}
