import { expect, lastCopy, recordCopies, test } from "./server.ts";

test.describe("the log", () => {
  test("nothing in a line, a title or a result runs", async ({ signedIn: page, server }) => {
    const id = await server.run("talker");
    await server.ended(id);
    await page.goto(`${server.url}/executions/${id}#L4`);
    const log = page.getByRole("log");
    await expect(log).toContainText(
      "<script>window.owned = 3</script><img src=x onerror='window.owned = 4'>",
    );
    await expect(log).toContainText("press me");
    await expect(log.locator("a[href^='javascript']")).toHaveCount(0);
    await page.getByRole("tab", { name: "Result" }).click();
    await expect(page.getByText("<b>said</b> everything").first()).toBeVisible();
    await page.goto(`${server.url}/agents`);
    await expect(page.getByText("Talker <script>window.owned = 1</script>")).toBeVisible();
    await page.goto(`${server.url}/agents/talker`);
    await expect(page.getByText("onerror='window.owned = 2'").first()).toBeVisible();
    expect(await page.evaluate(() => "owned" in window)).toBe(false);
  });

  test("colours, links, progress, groups and JSON", async ({ signedIn: page, server }) => {
    const id = await server.run("talker");
    await server.ended(id);
    await page.goto(`${server.url}/executions/${id}#L3`);
    const row = (text: string) => page.locator(".cops-row", { hasText: text });
    await expect(row("palette").locator(".cops-fg1")).toHaveText("red");
    await expect(row("palette").getByText("true colour")).toHaveAttribute("style", /#ff9632/);
    await expect(
      row("an address").getByRole("link", { name: "https://example.com/a?b=c#d" }),
    ).toHaveAttribute("rel", /noopener/);
    await expect(row("100 %")).not.toContainText("50 %");

    await row("reader.go").getByRole("button", { name: "Details" }).click();
    await expect(row("reader.go").locator(".cops-json")).toContainText('"added": 14');

    await expect(row("inside the group")).toBeVisible();
    await page.getByRole("button", { name: "Group Build" }).click();
    await expect(row("inside the group")).toHaveCount(0);
    await page.getByRole("button", { name: "Group Build" }).click();
    await expect(row("inside the group")).toBeVisible();

    await page.getByRole("combobox", { name: "Level" }).selectOption("warn");
    await expect(row("careful")).toBeVisible();
    await expect(row("it broke")).toBeVisible();
    await expect(row("plain text")).toHaveCount(0);
    await page.getByRole("combobox", { name: "Level" }).selectOption("debug");
    await page.getByRole("combobox", { name: "Stream" }).selectOption("stderr");
    await expect(row("on stderr")).toBeVisible();
    await expect(row("filler 1")).toHaveCount(0);
  });

  test("finds over the whole run, goes to lines, keeps them in the address", async ({
    signedIn: page,
    server,
  }) => {
    const id = await server.run("talker");
    await server.ended(id);
    await page.goto(`${server.url}/executions/${id}#L5`);
    await expect(page.locator(".cops-row[data-selected]")).toHaveAttribute("data-seq", "5");
    await page.keyboard.press("/");
    await page.keyboard.type("needle");
    const count = page.locator(".cops-find-count");
    await expect(count).toHaveText("1 of 6");
    await page.keyboard.press("Enter");
    await expect(count).toHaveText("2 of 6");
    await expect(page.locator(".cops-row[data-current]")).toContainText("filler 100 needle");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Shift+Enter");
    await expect(count).toHaveText("6 of 6");
    await expect(page.locator(".cops-rail i")).toHaveCount(6);
    // Only lines with it, then all of them again.
    await page.getByRole("button", { name: "Only lines with it" }).click();
    await expect(page.locator(".cops-row[data-kind=line]")).toHaveCount(6);
    await expect(page.locator(".cops-row", { hasText: "filler 101" })).toHaveCount(0);
    await page.keyboard.press("Escape");
    await expect(count).toHaveText("");
    await expect(page.locator(".cops-row", { hasText: "filler 101" })).toBeVisible();

    await page.keyboard.press(":");
    await page.keyboard.type("100");
    await page.keyboard.press("Enter");
    await expect(page.locator('.cops-row[data-seq="100"]')).toBeVisible();

    await page.locator('.cops-row[data-seq="102"] .cops-number').click();
    await page.locator('.cops-row[data-seq="104"] .cops-number').click({ modifiers: ["Shift"] });
    await expect(page).toHaveURL(/#L102-L104$/);
    await page.reload();
    await expect(page.locator(".cops-row[data-selected]")).toHaveCount(3);
  });

  test("follow pauses on scrolling up and says what is new", async ({ signedIn: page, server }) => {
    const id = await server.run("counter", { lines: 100_000, rate: 300 });
    await page.goto(`${server.url}/executions/${id}`);
    await expect
      .poll(async () => Number(await page.locator(".cops-row").last().getAttribute("data-seq")))
      .toBeGreaterThan(120);
    await page.mouse.move(400, 400);
    await page.mouse.wheel(0, -600);
    const pill = page.getByRole("button", { name: /new lines?/ });
    await expect(pill).toBeVisible();
    const top = () =>
      page.evaluate(() => {
        const edge = document.querySelector(".cops-log-scroll")?.getBoundingClientRect().top ?? 0;
        const row = [...document.querySelectorAll<HTMLElement>(".cops-log-rows > .cops-row")].find(
          (e) => e.getBoundingClientRect().bottom > edge + 1,
        );
        return [row?.dataset.seq, Math.round((row?.getBoundingClientRect().top ?? 0) - edge)];
      });
    // The wheel's own movement has to be over before it can be said that nothing moves.
    let before = await top();
    await expect
      .poll(async () => {
        const last = before;
        before = await top();
        return JSON.stringify(last) === JSON.stringify(before);
      })
      .toBe(true);
    const said = Number((await pill.textContent())?.replace(/\D/g, ""));
    await expect
      .poll(async () => Number((await pill.textContent())?.replace(/\D/g, "")))
      .toBeGreaterThan(said + 200);
    expect(await top()).toEqual(before);
    await pill.click();
    await expect(pill).toBeHidden();
    await expect(page.getByRole("button", { name: "Follow" })).toHaveAttribute("aria-pressed", "true");
  });

  test("copies without numbers, downloads what the agent wrote", async ({
    signedIn: page,
    server,
    context,
  }) => {
    await context.grantPermissions(["clipboard-write"]);
    await recordCopies(page);
    const id = await server.run("counter", { lines: 500, rate: 100_000 });
    await server.ended(id);
    await page.goto(`${server.url}/executions/${id}#L3-L5`);
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await expect(page.getByText("3 lines copied")).toBeVisible();
    const copied = await lastCopy(page);
    expect(copied.split("\n").map((line) => line.slice(0, 4))).toEqual(["n 1 ", "n 2 ", "n 3 "]);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Download raw" }).click();
    const stream = await (await download).createReadStream();
    let bytes = "";
    for await (const chunk of stream) bytes += chunk;
    expect(bytes.split("\n").filter(Boolean)).toHaveLength(500);
  });

  test("settings are remembered, keys do what they say", async ({ signedIn: page, server }) => {
    const id = await server.run("talker");
    await server.ended(id);
    await page.goto(`${server.url}/executions/${id}`);
    await page.getByRole("tab", { name: "Log" }).click();
    await expect(page.getByRole("log")).toContainText("the last line");
    await page.keyboard.press("w");
    await page.keyboard.press("t");
    await expect(page.getByRole("button", { name: "Wrap" })).toHaveAttribute("aria-pressed", "true");
    await expect(page.getByRole("combobox", { name: "Time" })).toHaveValue("utc");
    await page.getByRole("log").focus();
    await page.keyboard.press("g");
    await page.keyboard.press("g");
    await expect(page.locator('.cops-row[data-seq="1"]')).toBeVisible();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await expect(page.locator(".cops-row:focus")).toHaveAttribute("data-seq", "2");
    await page.keyboard.press("End");
    await expect(page.getByRole("log")).toContainText("the last line");
    await page.reload();
    await page.getByRole("tab", { name: "Log" }).click();
    await expect(page.getByRole("button", { name: "Wrap" })).toHaveAttribute("aria-pressed", "true");
    await expect(page.getByRole("combobox", { name: "Time" })).toHaveValue("utc");
  });
});
