import { formatBytes, useConnection, useExecutions, useSystemStatus, useWebSocket } from "@claudeops/react";
import { useState } from "react";

/** One line: how the connection stands, what runs, how the host does; and who is asked for by hand. */
export function StatusBar() {
  const { status, latencyMs, attempt, retryNow } = useConnection();
  const { active } = useExecutions();
  const { status: host } = useSystemStatus();
  const { send } = useWebSocket();
  const [refusal, setRefusal] = useState("");
  const stopAll = async () => {
    const answers = await Promise.allSettled(
      active.map(({ executionId }) => send({ type: "agent:cancel", executionId })),
    );
    const refused = answers.filter((answer) => answer.status === "rejected");
    setRefusal(refused.length > 0 ? `${refused.length} could not be stopped` : "");
  };
  return (
    <footer>
      {status === "open" ? `live, ${Math.round(latencyMs ?? 0)} ms` : `${status}, try ${attempt}`}
      {status === "reconnecting" && (
        <button type="button" onClick={retryNow}>
          now
        </button>
      )}
      <span>{active.length} running</span>
      {host && (
        <span>
          CPU {Math.round(host.cpu)} %, {formatBytes(host.memory.used)} of memory
        </span>
      )}
      <button type="button" onClick={stopAll}>
        Stop all
      </button>
      <span role="alert">{refusal}</span>
    </footer>
  );
}
