import { expect, test } from "./server.ts";

test.describe("signing in", () => {
  test("by the printed link, once", async ({ page, server, browser }) => {
    await page.goto(server.link);
    await expect(page).toHaveURL(`${server.url}/`);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await expect(page.getByRole("heading", { name: "Nothing has run here yet" })).toBeVisible();

    const other = await browser.newContext();
    const late = await other.newPage();
    await late.goto(server.link);
    await expect(late.getByRole("heading", { name: "This link has been used, or is too old" })).toBeVisible();
    await other.close();
  });

  test("by the token, and not by another", async ({ page, server }) => {
    await page.goto(`${server.url}/executions`);
    await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
    await page.getByLabel("Or paste the token").fill("not-the-token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toHaveText("That token is not the right one.");
    await page.getByLabel("Or paste the token").fill(await server.token());
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await expect(page).toHaveURL(`${server.url}/executions`);
    expect(await page.evaluate(() => document.cookie)).toBe("");
  });
});
