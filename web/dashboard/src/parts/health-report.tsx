import {
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatInstant,
  formatPlural,
  formatShort,
  StatusBadge,
  StatusShape,
} from "@claudeops/react";
import type { ReactNode } from "react";
import { loadTone } from "./system-strip.tsx";

/** The result of the built-in check, as internal/run/runner/health writes it. Sizes are bytes, shares percent. */
export interface HealthResult {
  readonly overall: "healthy" | "warning" | "critical";
  readonly summary: string;
  readonly checkedAt: string;
  readonly durationMs: number;
  readonly host: {
    readonly hostname: string;
    readonly platform: string;
    readonly kernel: string;
    readonly architecture: string;
    readonly virtualization?: string;
    readonly cpuModel?: string;
    readonly cores: number;
    readonly uptimeSeconds: number;
    readonly rebootRequired: boolean;
  };
  readonly metrics: {
    readonly cpu: {
      readonly percent: number;
      readonly perCore: readonly number[] | null;
      readonly user: number;
      readonly system: number;
      readonly ioWait: number;
      readonly steal: number;
    };
    readonly load: {
      readonly one: number;
      readonly five: number;
      readonly fifteen: number;
      readonly perCore: number;
    };
    readonly memory: {
      readonly total: number;
      readonly used: number;
      readonly available: number;
      readonly cached: number;
      readonly percent: number;
    };
    readonly swap: { readonly total: number; readonly used: number; readonly percent: number };
    readonly disks: readonly HealthDisk[] | null;
    readonly processes: {
      readonly total: number;
      readonly running: number;
      readonly zombies: number;
      readonly topByCpu: readonly HealthProcess[] | null;
      readonly topByMemory: readonly HealthProcess[] | null;
    };
    readonly network: readonly HealthInterface[] | null;
    readonly services: {
      readonly systemd: boolean;
      readonly failed: readonly { readonly name: string; readonly description: string }[] | null;
    };
    readonly clock: { readonly known: boolean; readonly synchronized: boolean; readonly offsetMs: number };
    readonly docker?: {
      readonly available: boolean;
      readonly reason?: string;
      readonly running: number;
      readonly containers: readonly HealthContainer[] | null;
    };
  };
  readonly findings: readonly {
    readonly id: string;
    readonly severity: "info" | "warning" | "critical";
    readonly title: string;
    readonly evidence: string;
    readonly recommendation: string;
  }[];
  readonly unchecked?: readonly { readonly check: string; readonly reason: string }[];
}

interface HealthDisk {
  readonly mount: string;
  readonly device: string;
  readonly type: string;
  readonly readOnly?: boolean;
  readonly total: number;
  readonly used: number;
  readonly free: number;
  readonly percent: number;
  readonly inodes: number;
  readonly inodesPercent: number;
  readonly unresponsive?: boolean;
}

interface HealthProcess {
  readonly pid: number;
  readonly name: string;
  readonly user?: string;
  readonly cpuPercent: number;
  readonly memory: number;
}

interface HealthInterface {
  readonly name: string;
  readonly errors: number;
  readonly drops: number;
  readonly receivePerSecond: number;
  readonly sendPerSecond: number;
}

interface HealthContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly state: string;
  readonly health?: string;
  readonly restarts: number;
  readonly cpuPercent: number;
  readonly memory: number;
}

export function isHealthReport(result: unknown): result is HealthResult {
  if (typeof result !== "object" || result === null) return false;
  const { overall, metrics, host, findings } = result as Record<string, unknown>;
  return (
    (overall === "healthy" || overall === "warning" || overall === "critical") &&
    typeof metrics === "object" &&
    metrics !== null &&
    ["cpu", "load", "memory", "swap", "processes", "services", "clock"].every((name) => name in metrics) &&
    typeof host === "object" &&
    host !== null &&
    Array.isArray(findings)
  );
}

const VERDICTS = { healthy: "Healthy", warning: "Needs attention", critical: "In trouble" } as const;

/** The health of a machine on one page: the verdict, what to do, then everything that was measured. */
export function HealthReport({ report }: { readonly report: HealthResult }): ReactNode {
  const { metrics, host } = report;
  const disks = metrics.disks ?? [];
  return (
    <article className="max-w-[980px] mx-auto px-4 sm:px-6 py-6 grid gap-7">
      <header className="grid gap-1">
        <div className="flex items-center gap-2.5">
          <span className="scale-150 mx-1 flex">
            <StatusShape status={report.overall} />
          </span>
          <h2 className="text-[20px] font-[650] tracking-[-0.015em]">{VERDICTS[report.overall]}</h2>
        </div>
        <p className="text-[15px] text-ink-2">{sentence(report.summary)}</p>
        <p className="text-ink-3">
          {host.hostname} · {host.platform || "unknown system"} · {host.kernel} · up{" "}
          {uptime(host.uptimeSeconds)} · checked{" "}
          <time dateTime={report.checkedAt}>{formatInstant(Date.parse(report.checkedAt)).slice(0, 19)}</time>{" "}
          in {formatDuration(report.durationMs)}
          {host.rebootRequired && " · a restart is due"}
        </p>
      </header>

      {report.findings.length > 0 && (
        <section className="grid gap-2.5" aria-label="Findings">
          {report.findings.map((finding) => (
            <div key={finding.id} className="box overflow-hidden" data-severity={finding.severity}>
              <div
                className={`border-l-[3px] px-4 py-3 grid gap-1 ${finding.severity === "critical" ? "border-failed" : finding.severity === "warning" ? "border-warning" : "border-strong"}`}
              >
                <div className="flex flex-wrap items-baseline gap-x-3">
                  <h3 className="font-semibold">{sentence(finding.title)}</h3>
                  {finding.severity === "info" ? (
                    <span className="text-ink-3">good to know</span>
                  ) : (
                    <StatusBadge status={finding.severity} className="text-[12px]" />
                  )}
                </div>
                <p className="text-ink-2 wrap-anywhere">{sentence(finding.evidence)}</p>
                {finding.recommendation && (
                  <p>
                    <span className="text-accent font-semibold">→ </span>
                    {sentence(finding.recommendation)}
                  </p>
                )}
              </div>
            </div>
          ))}
        </section>
      )}

      <section className="box grid grid-cols-2 sm:grid-cols-4" aria-label="Figures">
        <Meter
          name="CPU"
          percent={metrics.cpu.percent}
          more={`${formatPlural(host.cores, "core")}${metrics.cpu.ioWait >= 1 ? `, ${Math.round(metrics.cpu.ioWait)} % waits for disks` : ""}`}
        />
        <Meter
          name="Memory"
          percent={metrics.memory.percent}
          more={`${formatBytes(metrics.memory.used)} of ${formatBytes(metrics.memory.total)}`}
        />
        <Meter
          name="Swap"
          percent={metrics.swap.total === 0 ? undefined : metrics.swap.percent}
          more={
            metrics.swap.total === 0
              ? "there is none"
              : `${formatBytes(metrics.swap.used)} of ${formatBytes(metrics.swap.total)}`
          }
        />
        <Plain
          name="Load"
          value={metrics.load.five.toFixed(2)}
          more={`${metrics.load.one.toFixed(2)} now, ${metrics.load.perCore.toFixed(2)} per core`}
        />
      </section>

      {disks.length > 0 && (
        <Block name="Disks">
          <Table head={["Mounted at", "Used", "", "Free", "Inodes"]} numeric={[3, 4]}>
            {disks.map((disk) => (
              <tr key={`${disk.mount} ${disk.device}`} className="border-t border-line">
                <td className={`${cell} font-mono text-[12.5px]`} title={`${disk.device}, ${disk.type}`}>
                  {disk.mount}
                  {disk.readOnly && <span className="text-ink-3 font-sans"> read-only</span>}
                </td>
                <td className={`${cell} w-[30%]`} data-tone={loadTone(disk.percent)}>
                  {disk.unresponsive ? (
                    <span className="text-failed">does not answer</span>
                  ) : (
                    <Bar percent={disk.percent} />
                  )}
                </td>
                <td className={`${cell} text-right w-0 pl-0!`}>
                  {disk.unresponsive ? "" : `${Math.round(disk.percent)} %`}
                </td>
                <td className={`${cell} text-right text-ink-2`}>
                  {disk.unresponsive ? "" : formatBytes(disk.free)}
                </td>
                <td className={`${cell} text-right text-ink-2 hidden sm:table-cell`}>
                  {disk.inodes > 0 ? `${Math.round(disk.inodesPercent)} %` : "–"}
                </td>
              </tr>
            ))}
          </Table>
        </Block>
      )}

      <div className="grid sm:grid-cols-2 gap-x-6 gap-y-7">
        <Busiest name="Busiest by CPU" processes={metrics.processes.topByCpu ?? []} />
        <Busiest name="Busiest by memory" processes={metrics.processes.topByMemory ?? []} />
      </div>

      {metrics.docker && (
        <Block name="Containers">
          {metrics.docker.available ? (
            <Table head={["Name", "Image", "State", "CPU", "Memory"]} numeric={[3, 4]}>
              {(metrics.docker.containers ?? []).map((container) => (
                <tr key={container.id} className="border-t border-line">
                  <td className={`${cell} font-semibold`}>{container.name}</td>
                  <td className={`${cell} text-ink-2 max-w-[24ch] truncate`}>{container.image}</td>
                  <td className={cell}>
                    {container.state}
                    {container.health ? `, ${container.health}` : ""}
                    {container.restarts > 0 && (
                      <span className="text-warning"> · {formatPlural(container.restarts, "restart")}</span>
                    )}
                  </td>
                  <td className={`${cell} text-right text-ink-2`}>{container.cpuPercent.toFixed(1)} %</td>
                  <td className={`${cell} text-right text-ink-2`}>{formatBytes(container.memory)}</td>
                </tr>
              ))}
            </Table>
          ) : (
            <p className="text-ink-2">{sentence(metrics.docker.reason ?? "Docker does not answer")}</p>
          )}
        </Block>
      )}

      <Block name="Everything else">
        <dl className="box px-4 py-3 grid sm:grid-cols-[auto_1fr] gap-x-8 gap-y-1.5 [&_dt]:text-ink-3">
          <dt>Processes</dt>
          <dd>
            {formatCount(metrics.processes.total)}, {formatCount(metrics.processes.running)} running,{" "}
            {formatPlural(metrics.processes.zombies, "zombie")}
          </dd>
          <dt>Network</dt>
          <dd className="grid gap-0.5">
            {(metrics.network ?? []).map((nic) => (
              <span key={nic.name}>
                {nic.name}: {formatBytes(nic.receivePerSecond)}/s in, {formatBytes(nic.sendPerSecond)}/s out
                {nic.errors + nic.drops > 0 &&
                  `, ${formatShort(nic.errors)} errors, ${formatShort(nic.drops)} drops since start`}
              </span>
            ))}
          </dd>
          <dt>Services</dt>
          <dd>
            {!metrics.services.systemd
              ? "systemd does not run here"
              : (metrics.services.failed ?? []).length === 0
                ? "no failed units"
                : (metrics.services.failed ?? []).map((unit) => unit.name).join(", ")}
          </dd>
          <dt>Clock</dt>
          <dd>
            {!metrics.clock.known
              ? "could not be asked"
              : metrics.clock.synchronized
                ? `in time, ${metrics.clock.offsetMs.toFixed(1)} ms off`
                : "is not kept in time"}
          </dd>
          {host.cpuModel && (
            <>
              <dt>Processor</dt>
              <dd>
                {host.cpuModel}, {host.architecture}
                {host.virtualization && ` in ${host.virtualization}`}
              </dd>
            </>
          )}
          {(report.unchecked ?? []).map((item) => (
            <div key={item.check} className="contents">
              <dt>Not checked</dt>
              <dd>
                {item.check}: {item.reason}
              </dd>
            </div>
          ))}
        </dl>
      </Block>
    </article>
  );
}

const cell = "px-3.5 py-1.5 whitespace-nowrap";

function Block({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <section>
      <div className="head-row">
        <h2>{name}</h2>
      </div>
      {children}
    </section>
  );
}

function Table({
  head,
  numeric,
  children,
}: {
  head: readonly string[];
  numeric: readonly number[];
  children: ReactNode;
}): ReactNode {
  return (
    <div className="box overflow-x-auto">
      <table className="w-full border-collapse">
        <thead>
          <tr>
            {head.map((name, index) => (
              <th
                key={name}
                className={`px-3.5 py-1.5 font-medium text-ink-3 text-[12px] ${numeric.includes(index) ? "text-right" : "text-left"} ${name === "Inodes" ? "hidden sm:table-cell" : ""}`}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Busiest({ name, processes }: { name: string; processes: readonly HealthProcess[] }): ReactNode {
  if (processes.length === 0) return null;
  return (
    <Block name={name}>
      <Table head={["Process", "CPU", "Memory"]} numeric={[1, 2]}>
        {processes.map((process) => (
          <tr key={process.pid} className="border-t border-line">
            <td
              className={`${cell} w-full max-w-0 truncate`}
              title={`pid ${process.pid}${process.user ? `, ${process.user}` : ""}`}
            >
              {process.name} <span className="text-ink-3">{process.pid}</span>
            </td>
            <td className={`${cell} text-right text-ink-2`}>{process.cpuPercent.toFixed(1)} %</td>
            <td className={`${cell} text-right text-ink-2`}>{formatBytes(process.memory)}</td>
          </tr>
        ))}
      </Table>
    </Block>
  );
}

const figure =
  "px-4 py-3 min-w-0 border-line border-t sm:border-t-0 sm:border-l nth-[-n+2]:border-t-0 even:border-l sm:first:border-l-0 grid gap-1 content-start";

function Meter({
  name,
  percent,
  more,
}: {
  name: string;
  percent: number | undefined;
  more: string;
}): ReactNode {
  return (
    <div className={figure} data-tone={loadTone(percent)}>
      <span className="text-ink-3 text-[12px]">{name}</span>
      <b className="text-[19px] leading-tight font-semibold tracking-[-0.02em]">
        {percent === undefined ? "–" : Math.round(percent)}
        {percent !== undefined && <i className="not-italic text-[12px] font-medium text-ink-3 ml-px">%</i>}
      </b>
      {percent !== undefined && <Bar percent={percent} />}
      <span className="text-ink-2 text-[12px]">{more}</span>
    </div>
  );
}

function Plain({ name, value, more }: { name: string; value: string; more: string }): ReactNode {
  return (
    <div className={figure}>
      <span className="text-ink-3 text-[12px]">{name}</span>
      <b className="text-[19px] leading-tight font-semibold tracking-[-0.02em]">{value}</b>
      <span className="text-ink-2 text-[12px]">{more}</span>
    </div>
  );
}

export function Bar({ percent }: { readonly percent: number }): ReactNode {
  return (
    <span className="block h-1.5 rounded-full bg-line overflow-hidden" role="presentation">
      <span
        className="block h-full rounded-full bg-accent in-data-[tone=warning]:bg-warning in-data-[tone=critical]:bg-failed"
        style={{ width: `${Math.min(100, Math.max(1, percent))}%` }}
      />
    </span>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function uptime(seconds: number): string {
  return seconds >= 172_800 ? formatPlural(Math.floor(seconds / 86_400), "day") : formatClock(seconds * 1000);
}
