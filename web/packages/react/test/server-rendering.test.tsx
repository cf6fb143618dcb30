import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import {
  AgentForm,
  ClaudeOpsProvider,
  ConnectionIndicator,
  ExecutionControl,
  LogViewer,
  StatusBadge,
  useExecutions,
  useLogStream,
} from "../src/index.js";

function Hooks() {
  const { ready } = useExecutions();
  const { total } = useLogStream("a");
  return `${ready} ${total}`;
}

test("a server renders everything without opening a connection or touching a window", () => {
  expect(typeof window).toBe("undefined");
  const html = renderToString(
    <ClaudeOpsProvider
      url="http://127.0.0.1:1"
      fetch={() => {
        throw new Error("nothing may be asked for here");
      }}
    >
      <ConnectionIndicator />
      <ExecutionControl executionId="a" />
      <LogViewer executionId="a" />
      <AgentForm agent={{ name: "x", parameters: {} }} onSubmit={() => {}} />
      <StatusBadge status="running" />
      <Hooks />
    </ClaudeOpsProvider>,
  );
  expect(html).toContain("Connecting…");
  expect(html).toContain('role="log"');
  expect(html).toContain("false 0");
});
