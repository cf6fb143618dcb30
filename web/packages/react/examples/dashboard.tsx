import {
  ClaudeOpsProvider,
  ConnectionIndicator,
  LogViewer,
  StopButton,
  useAgentExecution,
} from "@claudeops/react";
import "@claudeops/react/styles.css";
import { useState } from "react";

/** A button that runs a health check, what runs now, and the log of the one that was chosen. */
export function Operations() {
  return (
    <ClaudeOpsProvider url="https://ops.example.com" credential={{ kind: "cookie" }}>
      <Panel />
    </ClaudeOpsProvider>
  );
}

export function Panel() {
  const { execute, activeExecutions, isExecuting, error } = useAgentExecution();
  const [chosen, setChosen] = useState<string | null>(null);
  const check = async () => {
    try {
      const { executionId } = await execute({ agentType: "system-health" });
      setChosen(executionId);
    } catch {
      // Why it was refused stands in `error`, and is shown below.
    }
  };
  return (
    <main>
      <ConnectionIndicator />
      <button type="button" disabled={isExecuting} onClick={check}>
        Check this machine
      </button>
      {error && <p role="alert">{error.message}</p>}
      <ul>
        {activeExecutions.map((record) => (
          <li key={record.executionId}>
            <button type="button" onClick={() => setChosen(record.executionId)}>
              {record.agentType}
            </button>
            <StopButton record={record} />
          </li>
        ))}
      </ul>
      {chosen && (
        <div style={{ height: 480 }}>
          <LogViewer executionId={chosen} />
        </div>
      )}
    </main>
  );
}
