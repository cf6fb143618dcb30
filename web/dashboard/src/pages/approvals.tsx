import { formatPlural, useApprovals } from "@claudeops/react";
import type { ReactNode } from "react";
import { useTitle } from "../lib/title.ts";
import ApprovalList from "../parts/approval-list.tsx";
import { Notice } from "../parts/notice.tsx";

/** Everything agents wait for, in one place. */
export default function Approvals(): ReactNode {
  const { approvals } = useApprovals();
  useTitle(approvals.length > 0 ? `${formatPlural(approvals.length, "approval")} waiting` : "Approvals");
  return (
    <main id="main" className="w-full max-w-[900px] mx-auto px-4 pt-5 pb-12 grid gap-4 content-start">
      <h1 className="sr-only">Approvals</h1>
      {approvals.length === 0 ? (
        <Notice title="No agent waits for an answer">
          <p>When an agent asks to use a tool, or has a question, it is shown here and on its run's page.</p>
        </Notice>
      ) : (
        <ApprovalList />
      )}
    </main>
  );
}
