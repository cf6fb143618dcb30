// @vitest-environment happy-dom
import { AgentDashboard, ClaudeOpsProvider } from "@claudeops/react";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { FakeServer } from "../src/index.js";

afterEach(cleanup);

test("components run against the fake server", async () => {
  const server = new FakeServer({ agents: ["backup"], onExecute: (run) => run.log("copying") });
  server.start("backup", {}, "00EARLIER").log("done").complete();
  const { container } = render(
    <ClaudeOpsProvider {...server.options}>
      <AgentDashboard />
    </ClaudeOpsProvider>,
  );
  await screen.findByText("Live");
  await screen.findByText("Recent");
  fireEvent.click(await screen.findByRole("button", { name: "backup" }));
  await screen.findByText("copying");
  fireEvent.click(container.querySelector(".cops-control .cops-stop") as Element);
  await waitFor(() => expect(server.last.record.status).toBe("cancelled"));
  expect(server.last.record.cancelledBy).toBe("owner");
});
