import type { ClientMessage } from "../protocol.gen.js";

/** What a client of a transport that only reads follows: it is said in the address. */
export class Following {
  readonly logs = new Set<string>();
  executions: { readonly agentType?: string; readonly status?: string } | undefined;
  systemMs: number | undefined;

  /**
   * Takes a message that begins or ends a subscription and needs no look at the server. False for all
   * others.
   */
  take(message: ClientMessage): boolean {
    switch (message.type) {
      case "logs:unsubscribe":
        this.logs.delete(message.executionId);
        return true;
      case "executions:subscribe": {
        const { agentType, status } = message;
        this.executions = { ...(agentType ? { agentType } : {}), ...(status ? { status } : {}) };
        return true;
      }
      case "executions:unsubscribe":
        this.executions = undefined;
        return true;
      case "system:subscribe":
        this.systemMs = message.intervalMs ?? 5000;
        return true;
      case "system:unsubscribe":
        this.systemMs = undefined;
        return true;
      default:
        return false;
    }
  }

  /** What is followed as the parameters of an address, from the cursors as they are now. */
  query(cursor: (executionId: string) => number | undefined): URLSearchParams {
    const query = new URLSearchParams();
    for (const id of this.logs) {
      const since = cursor(id);
      if (since === undefined) {
        this.logs.delete(id); // it has ended
        continue;
      }
      query.append("execution", id);
      query.append("since", String(since));
    }
    if (this.executions !== undefined) {
      query.set("executions", "1");
      for (const [name, value] of Object.entries(this.executions)) query.set(name, value);
    }
    return query;
  }
}
