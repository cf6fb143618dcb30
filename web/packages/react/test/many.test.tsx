// @vitest-environment happy-dom
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, expect, test } from "vitest";
import { ExecutionControl } from "../src/components/execution-control.js";
import { LogViewer } from "../src/components/log-viewer.js";
import { ClaudeOpsProvider } from "../src/context.js";
import { newRecord, newWorld } from "./fake.js";

afterEach(cleanup);

test("any number of viewers and controls stand together", async () => {
  const ids = Array.from({ length: 120 }, (_, i) => `run-${i}`);
  const world = newWorld((path) => newRecord(path.split("/").at(-1) ?? "", { agentType: "many" }));
  const { container } = render(
    <StrictMode>
      <ClaudeOpsProvider hub={world.hub}>
        {ids.map((id) => (
          <div key={id}>
            <ExecutionControl executionId={id} />
            <LogViewer executionId={id} />
          </div>
        ))}
      </ClaudeOpsProvider>
    </StrictMode>,
  );
  // Looked for by class: 120 viewers have thousands of elements with a role.
  await waitFor(() => expect(container.querySelectorAll(".cops-control .cops-stop")).toHaveLength(120), {
    timeout: 50_000,
  });
  expect(screen.queryByText("Loading…")).toBeNull();
  for (const id of ids) expect(world.connection.logs.get(id)).toHaveLength(1);
});
