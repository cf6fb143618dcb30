"use client";

import { ClaudeOpsProvider } from "@claudeops/react";
import { Operations } from "../operations";

// A route handler can pass on an event stream, but no WebSocket; the client need not find that out.
export default function ProxiedPage() {
  return (
    <ClaudeOpsProvider url="/ops" credential={{ kind: "cookie" }} transports={["sse", "poll"]}>
      <Operations title="Through this app" />
    </ClaudeOpsProvider>
  );
}
