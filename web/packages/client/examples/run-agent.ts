import { connect, type TerminalEvent } from "@claudeops/client";

/** Runs an agent, prints what it writes, and gives how it ended. */
export async function runAgent(
  url: string,
  token: string,
  print: (line: string) => void,
): Promise<TerminalEvent> {
  const connection = connect({ url, credential: { kind: "token", token } });
  try {
    const { executionId } = await connection.execute({ agentType: "disk-report", config: { path: "/" } });
    return await new Promise<TerminalEvent>((resolve, reject) => {
      connection.watchExecution(
        executionId,
        { since: 0 },
        {
          onEvents: (events) => {
            for (const event of events) if (event.type === "execution:log") print(event.message);
          },
          onEnd: resolve,
          onError: reject,
        },
      );
    });
  } finally {
    connection.close();
  }
}
