import { useExecution, useLogStream } from "@claudeops/react";
import { useState } from "react";

/** The last lines of an execution, drawn by oneself. */
export function Tail({ executionId }: { executionId: string }) {
  const { record, error, cancel } = useExecution(executionId);
  const { tail, total, streaming } = useLogStream(executionId, { tail: 20 });
  const [refusal, setRefusal] = useState("");
  return (
    <section>
      <h2>
        {record?.agentType} {record?.status} {streaming ? "live" : ""}
      </h2>
      <pre>
        {tail.map((event) => (
          <div key={event.seq}>{event.message}</div>
        ))}
      </pre>
      <p>{total} lines</p>
      {record && !record.terminal && (
        <button type="button" onClick={() => cancel("enough").catch((e: Error) => setRefusal(e.message))}>
          Stop
        </button>
      )}
      <p role="alert">{refusal || error?.message}</p>
    </section>
  );
}
