import type { ReactNode } from "react";

export interface SparklineProps {
  readonly values: readonly number[];
  /** The value at the top edge. Default: the greatest of the values. */
  readonly max?: number;
  /** Values shown at most. */
  readonly span?: number;
  readonly className?: string;
}

/** A small chart without axes: the shape of the last minutes. Newest at the right. */
export function Sparkline({ values, max, span = 60, className }: SparklineProps): ReactNode {
  if (values.length < 2) return <svg className={className} aria-hidden="true" />;
  const shown = values.slice(-span);
  const top = Math.max(max ?? 0, ...(max === undefined ? shown : []), 1e-9);
  const step = 100 / (shown.length - 1);
  const points = shown.map(
    (value, i) => `${(i * step).toFixed(1)} ${(29 - (Math.min(value, top) / top) * 27).toFixed(1)}`,
  );
  const line = `M${points.join("L")}`;
  return (
    <svg className={className} viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <path className="spark-area" d={`${line}L100 30L0 30Z`} />
      <path className="spark-line" d={line} />
    </svg>
  );
}
