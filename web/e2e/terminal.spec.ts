import { expect, lastCopy, recordCopies, test } from "./server.ts";

test.describe("a log as a terminal shows it", () => {
  test("colours go on over lines, a link is one, and what is found is what is seen", async ({
    signedIn: page,
    server,
  }) => {
    const id = await server.run("terminal");
    await server.ended(id);
    await page.goto(`${server.url}/executions/${id}#L2`);
    const row = (text: string) => page.locator(".cops-row", { hasText: text });
    await expect(row("still green").locator(".cops-fg2")).toHaveText("still green");
    await expect(row("green ends").locator(".cops-fg2")).toHaveText("green ends");
    await expect(row("aX and").locator(".cops-underline")).toHaveAttribute("style", /wavy/);
    await expect(row("is one link").locator("a[href='http://localhost:5173/x']")).toHaveText([
      "http://localhost:",
      "5173",
      "/x",
    ]);
    await expect(row("invoice_")).toContainText("invoice_<U+202E>fdp.exe");

    await page.keyboard.press("/");
    await page.keyboard.type("error: disk");
    const count = page.locator(".cops-find-count");
    await expect(count).toHaveText("1 of 1");
    await expect(page.locator(".cops-row[data-current] mark")).toHaveText(["ERROR", ": disk"]);
    await page.getByRole("textbox", { name: "Find in the whole log" }).fill("31m");
    await expect(count).toHaveText("none");
    await page.getByRole("button", { name: "Regular expression" }).click();
    // Expressions of the server's language, also one that would hang a backtracking engine.
    for (const [pattern, hits] of [
      ["(?i)(?P<x>^ERROR)", "1 of 1"],
      ["^row [[:digit:]]\\pN{3}$", "1 of 2,001"],
      ["\\Qgreen\\E", "3 of 3"],
      ["^(([a-z])+.)+[A-Z]([a-z])+!!$", "none"],
    ] as const) {
      await page.getByRole("textbox", { name: "Find in the whole log" }).fill(pattern);
      await expect(count).toHaveText(hits);
    }
    await page.getByRole("textbox", { name: "Find in the whole log" }).fill("(");
    await expect(page.locator(".cops-find-error")).toContainText("regular expression");
  });

  test("selected text is copied as it is shown, also what is not drawn", async ({
    signedIn: page,
    server,
  }) => {
    const id = await server.run("terminal");
    await server.ended(id);
    await recordCopies(page);
    await page.goto(`${server.url}/executions/${id}#L2`);
    const line = (text: string) => page.locator(".cops-line", { hasText: text });
    const drawn = page.evaluate.bind(page, () => {
      const highlight = CSS.highlights.get("cops-selection") as unknown as Set<Range> | undefined;
      return [...(highlight ?? [])].map(String).join("|");
    });
    // From the middle of a line to the middle of another.
    const from = await line("done at last").boundingBox();
    const to = await line("row 2").first().boundingBox();
    if (!from || !to) throw new Error("lines are not drawn");
    await page.mouse.move(from.x + 1, from.y + 8);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width - 1, to.y + 8, { steps: 5 });
    await page.mouse.up();
    expect(await drawn()).toBe("done at last|row 1|row 2");
    await page.evaluate(() => {
      document.addEventListener("copy", (event) => {
        (window as unknown as { copied: string }).copied = event.clipboardData?.getData("text/plain") ?? "";
      });
    });
    await page.keyboard.press("Control+c");
    expect(await lastCopy(page)).toBe("done at last\nrow 1\nrow 2");
    // A click lets go; a far shift-click reaches lines that were never drawn between.
    await line("row 1")
      .first()
      .click({ position: { x: 1, y: 8 } });
    expect(await drawn()).toBe("");
    await page.mouse.move(from.x + 1, from.y + 28);
    await page.mouse.down();
    await page.mouse.move(from.x + 30, from.y + 28);
    await page.mouse.up();
    await page.keyboard.press("Shift+G");
    await expect(line("row 3000")).toBeVisible();
    await line("row 3000").click({ modifiers: ["Shift"], position: { x: 1, y: 8 } });
    await page.keyboard.press("Control+c");
    await expect.poll(async () => (await lastCopy(page)).split("\n").length).toBe(3000);
    // All of it.
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Control+c");
    await expect.poll(async () => (await lastCopy(page)).split("\n").length).toBeGreaterThan(3008);
    expect((await lastCopy(page)).split("\n")).toContain("ERROR: disk full");
  });
});
