import { type ReactNode, useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../lib/theme.ts";

export interface ChartProps {
  /** Seconds since the epoch, ascending. */
  readonly times: readonly number[];
  readonly values: readonly number[];
  readonly max: number;
  readonly unit: string;
  readonly label: string;
}

const HEIGHT = 140;
/** Seconds of the time axis at least. */
const SPAN = 60;

/** One line over time, with axes. Drawn by uPlot, which is loaded only where this is. */
export default function Chart({ times, values, max, unit, label }: ChartProps): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours, and a canvas does not see it
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const colour = (name: string) => resolve(element, name);
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        // The past grows into the chart from the right; a minute at least is always in view.
        scales: {
          x: { range: (_, from, to) => [Math.min(from, to - SPAN), to] },
          y: { range: [0, max] },
        },
        axes: [
          {
            stroke: colour("--cops-ink-3"),
            grid: { show: false },
            ticks: { show: false },
            font: "11px system-ui",
            size: 24,
            space: 80,
            values: (_, at) => at.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour12: false })),
          },
          {
            stroke: colour("--cops-ink-3"),
            grid: { stroke: colour("--cops-line"), width: 1 },
            ticks: { show: false },
            font: "11px system-ui",
            size: 40,
            splits: [0, max / 2, max],
            values: (_, at) => at.map((v) => `${v} ${unit}`),
          },
        ],
        series: [
          {},
          {
            label,
            stroke: colour("--cops-accent"),
            width: 1.5,
            fill: colour("--cops-accent-wash"),
            points: { show: false },
          },
        ],
      },
      [[], []],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, max, unit, label]);

  useEffect(() => {
    plot.current?.setData([[...times], [...values]]);
  }, [times, values]);
  return <div ref={host} className="h-[140px]" role="img" aria-label={`${label} over the last minutes`} />;
}

/** The value of a colour property as a canvas understands it. */
function resolve(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
