import type { ReactNode } from "react";

export interface SparklineProps {
  readonly values: readonly number[];
  /** The value at the top edge. Default: the greatest of the values. */
  readonly max?: number;
  /** Values the full width stands for: a short past does not look like a long one. */
  readonly span?: number;
  readonly className?: string;
}

/** A small chart without axes: the shape of the last minutes. Newest at the right. */
export function Sparkline({ values, max, span = 60, className }: SparklineProps): ReactNode {
  if (values.length < 2) return <svg className={className} aria-hidden="true" />;
  const shown = values.slice(-span);
  const top = Math.max(max ?? 0, ...(max === undefined ? shown : []), 1e-9);
  // A past of seconds fills a third of the width, so that something is seen at once.
  const step = 100 / Math.max(20, Math.min(span, shown.length) - 1);
  const left = 100 - (shown.length - 1) * step;
  const points = shown.map(
    (value, i) => `${(left + i * step).toFixed(1)} ${(29 - (Math.min(value, top) / top) * 27).toFixed(1)}`,
  );
  const line = `M${points.join("L")}`;
  return (
    <svg className={className} viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <path className="spark-area" d={`${line}L100 30L${left.toFixed(1)} 30Z`} />
      <path className="spark-line" d={line} />
    </svg>
  );
}
