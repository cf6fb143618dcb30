// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { createRef } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LogViewer, type LogViewerHandle } from "../src/components/log-viewer.js";
import { ClaudeOpsProvider } from "../src/context.js";
import { newLog, newWorld, type World } from "./fake.js";

const settle = () => act(() => vi.advanceTimersByTimeAsync(40));

beforeEach(() => {
  window.history.replaceState(null, "", "/page");
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame", "cancelAnimationFrame", "Date"],
  });
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

async function fill(world: World, executionId: string, count = 5): Promise<void> {
  const log = world.connection.log(executionId);
  const events = Array.from({ length: count }, (_, i) => newLog(executionId, i + 1, `line ${i + 1}`));
  log.onSubscribed?.({ from: 1, head: count });
  log.onEvents(events);
  await settle();
}

test("a viewer has a height, a style, other words, no toolbar, and lines drawn otherwise", async () => {
  const world = newWorld();
  const { container } = render(
    <ClaudeOpsProvider hub={world.hub}>
      <LogViewer
        executionId="a"
        height={320}
        style={{ opacity: 0.5 }}
        toolbar={null}
        texts={{ opening: "Einen Augenblick…" }}
        renderLine={(line, usual) => (
          <em>
            {line.level}: {usual}
          </em>
        )}
      />
    </ClaudeOpsProvider>,
  );
  const viewer = container.querySelector<HTMLElement>(".cops-log");
  expect(viewer?.style.height).toBe("320px");
  expect(viewer?.style.opacity).toBe("0.5");
  expect(screen.queryByRole("toolbar")).toBeNull();
  expect(screen.getByText("Einen Augenblick…")).toBeTruthy();
  await fill(world, "a");
  expect(container.querySelector("em")?.textContent).toMatch(/^info: line \d$/);
});

test("a toolbar of one's own acts on the viewer", async () => {
  const world = newWorld();
  render(
    <ClaudeOpsProvider hub={world.hub}>
      <LogViewer
        executionId="a"
        toolbar={(viewer, view) => (
          <button type="button" onClick={() => viewer.follow(!view.follow)}>
            {view.follow ? "following" : "resting"}
          </button>
        )}
      />
    </ClaudeOpsProvider>,
  );
  await fill(world, "a");
  fireEvent.click(screen.getByText("following"));
  await settle();
  expect(screen.getByText("resting")).toBeTruthy();
});

test("pressing a line tells which, pressing its number chooses it", async () => {
  const world = newWorld();
  const pressed = vi.fn();
  const { container } = render(
    <ClaudeOpsProvider hub={world.hub}>
      <LogViewer executionId="a" onLineClick={pressed} />
    </ClaudeOpsProvider>,
  );
  await fill(world, "a");
  const row = container.querySelector('[data-seq="3"]');
  fireEvent.click(row?.querySelector(".cops-text") as Element);
  expect(pressed).toHaveBeenCalledWith(expect.objectContaining({ seq: 3, text: "line 3", level: "info" }));
  fireEvent.click(row?.querySelector(".cops-number") as Element);
  expect(pressed).toHaveBeenCalledTimes(1);
  expect(window.location.hash).toBe("#L3");
});

test("a ref follows, goes to lines, and chooses them", async () => {
  const world = newWorld();
  const ref = createRef<LogViewerHandle>();
  const { container } = render(
    <ClaudeOpsProvider hub={world.hub}>
      <LogViewer ref={ref} executionId="a" />
    </ClaudeOpsProvider>,
  );
  await fill(world, "a");
  const follow = () => container.querySelector('button[aria-pressed="true"]')?.textContent;
  expect(follow()).toBe("Follow");
  act(() => ref.current?.follow(false));
  await settle();
  expect(follow()).toBeUndefined();
  act(() => ref.current?.select({ from: 2, to: 4 }));
  await settle();
  expect(container.querySelector(".cops-picked")?.textContent).toContain("3 lines");
  expect(window.location.hash).toBe("#L2-L4");
  act(() => ref.current?.goTo(1));
  expect(ref.current?.element).toBe(container.querySelector(".cops-log"));
});

test("two viewers share the address and keep apart", async () => {
  const world = newWorld();
  window.history.replaceState(null, "", "/page#b:L2");
  const { container } = render(
    <ClaudeOpsProvider hub={world.hub}>
      <LogViewer executionId="a" />
      <LogViewer executionId="b" />
    </ClaudeOpsProvider>,
  );
  await fill(world, "a");
  await fill(world, "b");
  const [first, second] = container.querySelectorAll(".cops-log");
  expect(first?.querySelector(".cops-picked")).toBeNull();
  expect(second?.querySelector(".cops-picked")?.textContent).toContain("Line 2");
  fireEvent.click(first?.querySelector('[data-seq="4"] .cops-number') as Element);
  expect(window.location.hash).toBe("#a:L4");
});
