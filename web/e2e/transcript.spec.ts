import { expect, test } from "./server.ts";

test("an agent's session is read as a conversation, its log a tab away", async ({
  signedIn: page,
  server,
}) => {
  const id = await server.run("session");
  await server.ended(id);
  await page.goto(`${server.url}/executions/${id}`);
  const views = page.getByRole("tablist", { name: "Views" });
  await views.getByRole("tab", { name: "Transcript" }).click();
  const entry = (text: string) => page.locator(".cops-entry", { hasText: text });
  await expect(entry("I run the tests first.").locator("b")).toHaveText("tests");

  // A call and its result are one row.
  const call = entry("go test ./...");
  await expect(call).toHaveCount(1);
  await expect(call).toContainText("exit 1");
  await expect(call).not.toContainText("total_test.go");
  await call.getByRole("button", { name: "Bash" }).click();
  await expect(call).toContainText("FAIL total_test.go");
  await entry("/srv/total.go").getByRole("button", { name: "Edit" }).click();
  await expect(entry("/srv/total.go").locator("[data-sign='-']")).toHaveText("- i := 1");
  await expect(entry("/srv/total.go").locator("[data-sign='+']")).toHaveText("+ i := 0");

  // What is found inside a result unfolds its call.
  await page.getByRole("button", { name: "Bash" }).click();
  await page.keyboard.press("/");
  await page.keyboard.type("total_test");
  await expect(page.locator(".cops-find-count")).toHaveText("1 of 1");
  await expect(call.locator("mark")).toHaveText("total_test");

  await views.getByRole("tab", { name: "Log" }).click();
  await expect(page.locator(".cops-row", { hasText: "Bash: go test ./..." })).toBeVisible();
});
