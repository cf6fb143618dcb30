import { ClaudeOpsProvider } from "@claudeops/react";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { baseUrl, serverUrl } from "./lib/place.ts";
import { router } from "./router.tsx";
import "./styles.css";

// The offline shell. Without TLS, or where the browser forbids it, the page does without.
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  window.addEventListener("load", () => {
    navigator.serviceWorker.register(serverUrl("sw.js"), { scope: baseUrl.pathname }).catch(() => {});
  });
}

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // A refusal stays one; what passes by itself is tried again.
      retry: (count, error) => count < 3 && (error as { retryable?: boolean }).retryable === true,
    },
  },
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <ClaudeOpsProvider
      url={baseUrl}
      credential={{ kind: "cookie" }}
      reconnect={{ maxAttempts: Number.POSITIVE_INFINITY }}
    >
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </ClaudeOpsProvider>
  </StrictMode>,
);
