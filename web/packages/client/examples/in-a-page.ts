import { createPool } from "@claudeops/client";

// One pool for the page: whoever asks for the same server and credential shares a connection.
const pool = createPool();

/** Shows what runs. Returns the function that stops it. */
export function showRunning(list: HTMLElement, status: HTMLElement): () => void {
  const { connection, release } = pool.acquire(); // the page's own server, and its cookie
  const running = new Map<string, string>();
  const draw = () => {
    list.textContent = [...running.values()].join("\n");
  };
  const stopState = connection.subscribe(() => {
    const { status: word, attempt, nextAttemptAt, latencyMs } = connection.state;
    const wait =
      nextAttemptAt === null ? "" : `, next try in ${Math.ceil((nextAttemptAt - Date.now()) / 1000)} s`;
    status.textContent = word === "open" ? `live ${latencyMs ?? "–"} ms` : `${word}, try ${attempt}${wait}`;
  });
  const feed = connection.watchExecutions(
    { status: ["queued", "running", "cancelling"] },
    {
      onSnapshot: (executions) => {
        running.clear();
        for (const { executionId, agentType } of executions) running.set(executionId, agentType);
        draw();
      },
      onEvents: (events) => {
        for (const event of events) {
          if (event.type === "execution:queued") running.set(event.executionId, event.agentType);
          if (/completed|failed|cancelled/.test(event.type)) running.delete(event.executionId);
        }
        draw();
      },
    },
  );
  return () => {
    feed.close();
    stopState();
    release();
  };
}
