import { useExecution, useLogStream } from "@claudeops/react";

/** The last lines of an execution, drawn by oneself. */
export function Tail({ executionId }: { executionId: string }) {
  const { record, cancel } = useExecution(executionId);
  const { tail, total, streaming } = useLogStream(executionId, { tail: 20 });
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
        <button type="button" onClick={() => cancel("enough")}>
          Stop
        </button>
      )}
    </section>
  );
}
