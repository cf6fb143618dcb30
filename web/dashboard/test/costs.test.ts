import { describe, expect, it } from "vitest";
import { daysSince, firstDay, parseCostsSearch } from "../src/costs/address.ts";

describe("the time of Costs", () => {
  const now = new Date(2026, 2, 31, 12).getTime();

  it("counts whole days here, today included", () => {
    expect(firstDay("7d", now)).toBe("2026-03-25");
    expect(firstDay("month", now)).toBe("2026-03-01");
    expect(firstDay("30d", now)).toBe("2026-03-02");
  });

  it("has every day once, also over the change to summer time", () => {
    const days = daysSince("2026-03-27", now);
    expect(days).toEqual(["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"]);
    expect(daysSince("2026-03-31", now)).toEqual(["2026-03-31"]);
  });

  it("takes from an address only what it knows", () => {
    expect(parseCostsSearch({ by: "agent", span: "9y" })).toEqual({ by: "agent" });
    expect(parseCostsSearch({ by: 7 })).toEqual({});
  });
});
