import type { ReactNode } from "react";

export interface SparklineProps {
  readonly values: readonly number[];
  /** The value at the top edge. Default: the greatest of the values. */
  readonly max?: number;
  /** Values shown at most. */
  readonly span?: number;
  readonly className?: string;
}

/** So many values fill the width; more share it. */
const SOME = 10;

/** A small chart without axes: the shape of the last minutes. Newest at the right. */
export function Sparkline({ values, max, span = 60, className }: SparklineProps): ReactNode {
  if (values.length < 2) return <svg className={className} aria-hidden="true" />;
  const shown = values.slice(-span);
  const top = Math.max(max ?? 0, ...(max === undefined ? shown : []), 1e-9);
  // A few values are not stretched over all of it: the past grows in from the right.
  const step = 100 / (Math.max(shown.length, Math.min(SOME, span)) - 1);
  const begin = 100 - (shown.length - 1) * step;
  const points = shown.map(
    (value, i) => `${(begin + i * step).toFixed(1)} ${(29 - (Math.min(value, top) / top) * 27).toFixed(1)}`,
  );
  const line = `M${points.join("L")}`;
  return (
    <svg className={className} viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <path className="spark-area" d={`${line}L100 30L${begin.toFixed(1)} 30Z`} />
      <path className="spark-line" d={line} />
    </svg>
  );
}
