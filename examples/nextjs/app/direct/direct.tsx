"use client";

import type { TokenProvider } from "@claudeops/client";
import { ClaudeOpsProvider } from "@claudeops/react";
import { Operations } from "../operations";

/** Asked again whenever the server says that the last one has expired. */
const token: TokenProvider = async ({ signal }) => {
  const answer = await fetch("/api/token", { method: "POST", signal });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.text();
};

export function Direct({ url }: { url: string }) {
  return (
    <ClaudeOpsProvider url={url} credential={{ kind: "token", token }}>
      <Operations title="Directly" />
    </ClaudeOpsProvider>
  );
}
