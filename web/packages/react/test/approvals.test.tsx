// @vitest-environment happy-dom
import type { AgentInput } from "@claudeops/client";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { ApprovalCard } from "../src/components/approval-card.js";
import { ClaudeOpsProvider } from "../src/context.js";
import { useApprovals } from "../src/hooks/use-approvals.js";
import { newRecord, newWorld } from "./fake.js";

afterEach(cleanup);

function All() {
  const { approvals } = useApprovals();
  return (
    <>
      {approvals.map((one) => (
        <ApprovalCard key={one.approval.requestId} {...one} />
      ))}
    </>
  );
}

function open() {
  const world = newWorld();
  const answers: [string, AgentInput][] = [];
  let refuse: Error | null = null;
  world.connection.set({ status: "open" });
  world.connection.input = async (executionId: string, input: AgentInput) => {
    answers.push([executionId, input]);
    if (refuse) throw refuse;
    return { type: "ack" };
  };
  render(
    <ClaudeOpsProvider hub={world.hub}>
      <All />
    </ClaudeOpsProvider>,
  );
  act(() =>
    world.connection.executions?.onSnapshot([
      newRecord("a", {
        pendingApprovals: [
          {
            requestId: "r2",
            seq: 9,
            askedAt: "2026-11-22T14:00:05Z",
            kind: "question",
            title: "Which branch?",
            options: [{ label: "main" }, { label: "next" }],
          },
        ],
      }),
      newRecord("b", {
        pendingApprovals: [
          {
            requestId: "r1",
            seq: 4,
            askedAt: "2026-11-22T14:00:01Z",
            kind: "tool",
            tool: "Bash",
            input: { command: "git push" },
          },
        ],
      }),
    ]),
  );
  return {
    answers,
    refuseWith: (error: Error) => {
      refuse = error;
    },
  };
}

test("what waits is shown oldest first, and answered once", async () => {
  const { answers } = open();
  const cards = await screen.findAllByRole("article");
  expect(cards.map((card) => card.querySelector(".cops-approval-title")?.textContent)).toEqual([
    "Bash",
    "Which branch?",
  ]);
  expect(cards[0]?.querySelector("pre")?.textContent).toBe("git push");
  const allow = screen.getByRole("button", { name: "Allow for this run" });
  fireEvent.click(allow);
  fireEvent.click(allow);
  fireEvent.click(screen.getByRole("button", { name: "next" }));
  await screen.findByText("Answered: next");
  expect(answers).toEqual([
    ["b", { requestId: "r1", decision: "allow", scope: "run" }],
    ["a", { requestId: "r2", decision: "allow", text: "next" }],
  ]);
});

test("a denial takes its reason along, and a refusal is said", async () => {
  const { answers, refuseWith } = open();
  refuseWith(new Error("somebody has answered already"));
  const reason = await screen.findByLabelText("Why, where it is denied");
  fireEvent.change(reason, { target: { value: "not on a Friday" } });
  fireEvent.click(screen.getByRole("button", { name: "Deny" }));
  expect((await screen.findByRole("alert")).textContent).toBe("somebody has answered already");
  expect(answers).toEqual([["b", { requestId: "r1", decision: "deny", text: "not on a Friday" }]]);
});
