import { ApprovalCard, useApprovals } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

/** Cards of what agents ask for: of one run, or of all. */
export default function ApprovalList({ executionId }: { readonly executionId?: string }): ReactNode {
  const { approvals } = useApprovals(executionId);
  return approvals.map(({ record, approval }) => (
    <ApprovalCard
      key={`${record.executionId} ${approval.requestId}`}
      record={record}
      approval={approval}
      heading={
        executionId === undefined ? (
          <Link
            to="/executions/$id"
            params={{ id: record.executionId }}
            hash={`L${approval.seq}`}
            className="font-semibold hover:underline"
          >
            {record.agentType}
          </Link>
        ) : undefined
      }
    />
  ));
}
