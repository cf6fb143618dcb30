import { useExecutions, useSystemStatus } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { DiskNotice } from "./disk-notice.tsx";
import { Sparkline } from "./sparkline.tsx";

/** From which share on a figure asks for attention. */
export function loadTone(percent: number | undefined): "warning" | "critical" | undefined {
  if (percent === undefined) return undefined;
  return percent >= 95 ? "critical" : percent >= 85 ? "warning" : undefined;
}

/** The machine at a glance: figures with the shape of the last minutes. */
export function SystemStrip(): ReactNode {
  const { status, history } = useSystemStatus();
  const { active, ready } = useExecutions();
  const running = active.filter((record) => record.status !== "queued").length;
  const queued = active.length - running;
  return (
    <>
      <DiskNotice status={status} />
      <section className="box grid grid-cols-2 sm:grid-cols-5" aria-label="System">
        <Figure name="CPU" percent={status?.cpu} values={history.map((sample) => sample.cpu)} />
        <Figure
          name="Memory"
          percent={status?.memory.percent}
          values={history.map((sample) => sample.memory.percent)}
        />
        <Figure
          name="Disk"
          percent={status?.disk.percent}
          values={history.map((sample) => sample.disk.percent)}
        />
        <Count
          name="Running"
          value={ready ? running : undefined}
          more={queued > 0 ? `${queued} queued` : ""}
        />
        <Count name="Queued" value={ready ? queued : undefined} roomy />
      </section>
    </>
  );
}

const cell =
  "px-3.5 py-2.5 min-w-0 border-line border-t sm:border-t-0 sm:border-l nth-[-n+2]:border-t-0 even:border-l sm:first:border-l-0";

function Figure({
  name,
  percent,
  values,
}: {
  name: string;
  percent: number | undefined;
  values: readonly number[];
}): ReactNode {
  return (
    <Link
      to="/system"
      className={`${cell} group flex items-end justify-between gap-3`}
      data-tone={loadTone(percent)}
    >
      <span className="min-w-0">
        <span className="block truncate text-ink-3 text-[12px]">{name}</span>
        <Amount value={percent === undefined ? undefined : Math.round(percent)} unit="%" />
      </span>
      <Sparkline values={values} max={100} className="w-[84px] h-[30px] shrink" />
    </Link>
  );
}

/** `roomy`: only where there is room; `more` says the same where there is none. */
function Count(props: {
  name: string;
  value: number | undefined;
  more?: string;
  roomy?: boolean;
}): ReactNode {
  return (
    <div className={`${cell} ${props.roomy ? "hidden sm:block" : ""}`}>
      <span className="block text-ink-3 text-[12px]">{props.name}</span>
      <Amount value={props.value} />
      {props.more && <span className="sm:hidden ml-2 text-ink-3 text-[12px]">{props.more}</span>}
    </div>
  );
}

function Amount({ value, unit }: { value: number | undefined; unit?: string }): ReactNode {
  return (
    <b className="text-[19px] leading-[1.35] tracking-[-0.02em] font-semibold">
      {value ?? "–"}
      {unit && value !== undefined && (
        <i className="not-italic text-[12px] font-medium text-ink-3 ml-px tracking-normal">{unit}</i>
      )}
    </b>
  );
}
