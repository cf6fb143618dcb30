import { type Connection, connect } from "@claudeops/client";

/** Connects with a token that is asked for when it is needed, and again when the server says it has expired. */
export function connectWithFreshToken(url: string, issuer: string): Connection {
  return connect({
    url,
    credential: {
      kind: "token",
      token: async ({ signal }) => {
        const answer = await fetch(issuer, { method: "POST", signal });
        if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`);
        return await answer.text();
      },
    },
    reconnect: { maxAttempts: Number.POSITIVE_INFINITY },
  });
}
