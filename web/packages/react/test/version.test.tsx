import { version } from "react";
import { version as domVersion } from "react-dom";
import { expect, test } from "vitest";

test("the tests run on the React they say they run on", () => {
  const wanted = process.env.VITEST_REACT ?? "19";
  expect(version.split(".")[0]).toBe(wanted);
  expect(domVersion.split(".")[0]).toBe(wanted);
});
