import type { RestSchemas } from "@claudeops/client";

type Occurrence = RestSchemas["Occurrence"];

export interface Day {
  readonly key: string;
  /** Such as `Mo 30`. */
  readonly name: string;
  /** The reader's own midnight, and the next. */
  readonly begin: number;
  readonly end: number;
  readonly today: boolean;
}

/** How many due times to come of one schedule the server lists. */
const LISTED = 500;

const BACK = 7;
const ON = 7;

/** A week back, today and a week on, by the reader's own midnights. */
export function daysOf(now: number): readonly Day[] {
  const today = new Date(now);
  const midnight = (offset: number) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() + offset).getTime();
  return Array.from({ length: BACK + 1 + ON }, (_, i) => {
    const begin = midnight(i - BACK);
    const date = new Date(begin);
    const weekday = date.toLocaleDateString("en", { weekday: "short" });
    return {
      key: String(begin),
      name: `${weekday} ${date.getDate()}`,
      begin,
      end: midnight(i - BACK + 1),
      today: i === BACK,
    };
  });
}

export interface Marks {
  readonly text: string;
  readonly words: string;
}

const MARKS = [
  ["started", "●"],
  ["skipped", "▲"],
  ["waiting", "◌"],
  ["due", "○"],
] as const;

/** What became of each schedule's due times on each day, by `agent/n day`. */
export function tally(occurrences: readonly Occurrence[], days: readonly Day[]): ReadonlyMap<string, Marks> {
  const counts = new Map<string, Map<string, number>>();
  for (const one of occurrences) {
    const at = Date.parse(one.due);
    const day = days.find(({ begin, end }) => at >= begin && at < end);
    if (!day) continue;
    const place = `${one.agent}/${one.n} ${day.key}`;
    const inside = counts.get(place) ?? new Map<string, number>();
    inside.set(one.outcome, (inside.get(one.outcome) ?? 0) + (one.count ?? 1));
    counts.set(place, inside);
  }
  return new Map(
    [...counts].map(([place, inside]) => {
      const parts = MARKS.flatMap(([outcome, mark]) => {
        const count = inside.get(outcome) ?? 0;
        return count > 0 ? [{ mark, outcome, count }] : [];
      });
      return [
        place,
        {
          text: parts
            .map(({ mark, outcome, count }) =>
              count > 1 ? `${mark}${count}${outcome === "due" && count >= LISTED ? "+" : ""}` : mark,
            )
            .join(" "),
          words: parts.map(({ outcome, count }) => `${count} ${outcome}`).join(", "),
        },
      ];
    }),
  );
}

/** A due time as the clocks of a time zone show it, such as `Tue 1 Dec 02:30`; "" is the reader's own. */
export function timeIn(at: string, timezone: string): string {
  if (at === "") return "";
  const options: Intl.DateTimeFormatOptions = {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  };
  const date = new Date(at);
  let parts: Intl.DateTimeFormatPart[];
  try {
    parts = new Intl.DateTimeFormat("en-GB", {
      ...options,
      ...(timezone === "" ? {} : { timeZone: timezone }),
    }).formatToParts(date);
  } catch {
    parts = new Intl.DateTimeFormat("en-GB", options).formatToParts(date); // a zone that only the server knows
  }
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("weekday")} ${part("day")} ${part("month")} ${part("hour")}:${part("minute")}`;
}

/** `Europe/Berlin` → `Berlin`. */
export function placeOf(timezone: string): string {
  return (timezone.split("/").at(-1) ?? timezone).replaceAll("_", " ");
}
