import { describe, expect, it } from "vitest";
import { daysOf, placeOf, tally, timeIn } from "../src/schedules/calendar.ts";

const now = new Date(2026, 10, 30, 13, 0).getTime();

describe("the calendar of schedules", () => {
  it("has a week on both sides of today", () => {
    const days = daysOf(now);
    expect(days).toHaveLength(15);
    expect(days[7]).toMatchObject({ name: "Mon 30", today: true });
    for (const [i, day] of days.entries()) if (i > 0) expect(day.begin).toBe(days[i - 1]?.end);
  });

  it("counts what became of due times, skipped ones together", () => {
    const days = daysOf(now);
    const due = (hour: number) => new Date(2026, 10, 30, hour).toISOString();
    const cells = tally(
      [
        { agent: "a", n: 0, due: due(1), outcome: "started", executionId: "e1" },
        { agent: "a", n: 0, due: due(2), outcome: "skipped", count: 3, reason: "missed" },
        { agent: "a", n: 0, due: due(20), outcome: "due" },
        { agent: "a", n: 1, due: due(20), outcome: "waiting" },
        { agent: "a", n: 1, due: new Date(2020, 0, 1).toISOString(), outcome: "started" },
      ],
      days,
    );
    const today = days[7]?.key;
    expect([...cells]).toEqual([
      [`a/0 ${today}`, { text: "● ▲3 ○", words: "1 started, 3 skipped, 1 due" }],
      [`a/1 ${today}`, { text: "◌", words: "1 waiting" }],
    ]);
  });

  it("shows times as the clocks of their zone do", () => {
    expect(timeIn("2026-12-01T02:30:00-05:00", "America/New_York")).toBe("Tue 1 Dec 02:30");
    expect(timeIn("2026-12-01T00:00:00Z", "UTC")).toBe("Tue 1 Dec 00:00");
    expect(timeIn("2026-12-01T00:00:00Z", "Mars/Olympus")).not.toBe("");
    expect(placeOf("America/New_York")).toBe("New York");
    expect(placeOf("UTC")).toBe("UTC");
  });
});
