// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { safeHref } from "../src/parts/linked.tsx";
import { isMarkdown } from "../src/parts/markdown.tsx";
import { columnsOf, compare } from "../src/parts/records-grid.tsx";
import Report from "../src/parts/report.tsx";

afterEach(cleanup);

describe("a result in Markdown", () => {
  it("becomes headings, lists, tables, code and links", () => {
    const text = [
      "# Report",
      "Two **bad** things & <b>no</b> markup, `a < b`.",
      "- one",
      "- [docs](https://example.com/x?a=1&b=2)",
      "",
      "| name | size |",
      "| --- | ---: |",
      "| a | 1 |",
      "",
      "```sh",
      "rm -rf <dir>",
      "```",
    ].join("\n");
    const { container } = render(<Report result={text} />);
    expect(screen.getByRole("heading", { name: "Report" }).tagName).toBe("H2");
    expect(container.querySelector("strong")?.textContent).toBe("bad");
    expect(container.querySelectorAll("b")).toHaveLength(0);
    expect(container.textContent).toContain("& <b>no</b> markup");
    expect(container.querySelector("code")?.textContent).toBe("a < b");
    expect(screen.getByRole("link", { name: "docs" }).getAttribute("href")).toBe(
      "https://example.com/x?a=1&b=2",
    );
    expect(container.querySelectorAll("table td")).toHaveLength(2);
    expect(container.querySelector("pre")?.textContent).toBe("rm -rf <dir>");
  });

  it("lets nothing act: no script, no image, no address but http, https and mailto", () => {
    const text =
      "**x** <script>alert(1)</script> <img src=x onerror=alert(1)> ![pixel](https://evil.test/p.gif)\n\n[a](javascript:alert(1)) [b](data:text/html,x) [c](/login) <svg onload=alert(1)>\n\n<iframe src=//evil.test></iframe>";
    const { container } = render(<Report result={text} />);
    expect(container.querySelectorAll("script, img, svg, iframe")).toHaveLength(0);
    const links = [...container.querySelectorAll("a")].map((link) => link.getAttribute("href"));
    expect(links).toEqual(["https://evil.test/p.gif"]);
    for (const bad of [
      "javascript:alert(1)",
      " JavaScript:alert(1)",
      "data:text/html,x",
      "//x",
      "/x",
      "vbscript:x",
    ])
      expect(safeHref(bad)).toBeNull();
  });

  it("is told from text that only looks a little like it", () => {
    expect(isMarkdown("all good, 3 * 4 * 5 = 60")).toBe(false);
    expect(isMarkdown("line one\nline two")).toBe(false);
    expect(isMarkdown("# Title")).toBe(true);
  });
});

describe("a result of objects", () => {
  it("is a table that sorts, where the list is one of objects", () => {
    const rows = [
      { name: "b", size: 10, where: "see https://example.com/b." },
      { name: "a", size: 9 },
    ];
    const { container } = render(<Report result={rows} />);
    const names = () =>
      [...container.querySelectorAll("tbody tr")].map((row) => row.firstElementChild?.textContent);
    expect(names()).toEqual(["b", "a"]);
    fireEvent.click(screen.getByRole("button", { name: /size/ }));
    expect(names()).toEqual(["a", "b"]);
    expect(screen.getByRole("link").getAttribute("href")).toBe("https://example.com/b");
  });

  it("has columns only for what a table can show", () => {
    expect(columnsOf([{ a: 1 }, { b: 2 }])).toEqual(["a", "b"]);
    expect(columnsOf([1, 2])).toBeNull();
    expect(columnsOf([])).toBeNull();
    expect([10, 9, undefined, 100].sort(compare)).toEqual([9, 10, 100, undefined]);
  });

  it("folds what is deep", () => {
    render(<Report result={[1, { deep: { deeper: { deepest: "here" } } }]} />);
    expect(screen.queryByText(/here/)).toBeNull();
    fireEvent.click(screen.getByRole("button", { name: /deep: / }));
    fireEvent.click(screen.getByRole("button", { name: /deeper: / }));
    expect(screen.getByText(/here/)).toBeTruthy();
  });
});
