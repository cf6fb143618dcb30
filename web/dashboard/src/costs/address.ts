/** What Costs are summed by, and over what time; it stands in the address. */
export interface CostsSearch {
  readonly by?: CostsBy;
  readonly span?: CostsSpan;
}

export type CostsBy = "day" | "agent" | "model" | "trigger" | "user";
export type CostsSpan = "7d" | "30d" | "month" | "90d";

export const GROUPS: readonly (readonly [CostsBy, string])[] = [
  ["day", "By day"],
  ["agent", "By agent"],
  ["model", "By model"],
  ["trigger", "By trigger"],
  ["user", "By user"],
];

export const COST_SPANS: readonly (readonly [CostsSpan, string])[] = [
  ["7d", "7 days"],
  ["30d", "30 days"],
  ["month", "This month"],
  ["90d", "90 days"],
];

export function parseCostsSearch(search: Readonly<Record<string, unknown>>): CostsSearch {
  const by = GROUPS.find(([key]) => key === search.by)?.[0];
  const span = COST_SPANS.find(([key]) => key === search.span)?.[0];
  return { ...(by ? { by } : {}), ...(span ? { span } : {}) };
}

/** The first day that counts, as the server takes it: a day of the time zone. `now` is the server's. */
export function firstDay(span: CostsSpan, now: number): string {
  const today = new Date(now);
  const first =
    span === "month"
      ? new Date(today.getFullYear(), today.getMonth(), 1)
      : new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1 - Number.parseInt(span, 10));
  return dayOf(first);
}

/** Every day from the first to today, oldest first: a chart shows those without cost, too. */
export function daysSince(first: string, now: number): readonly string[] {
  const [year = 0, month = 1, day = 1] = first.split("-").map(Number);
  const last = dayOf(new Date(now));
  const days: string[] = [];
  for (let i = 0; days.at(-1) !== last && i < 400; i++) days.push(dayOf(new Date(year, month - 1, day + i)));
  return days;
}

function dayOf(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
