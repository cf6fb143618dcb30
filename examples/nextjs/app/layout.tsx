import type { Metadata } from "next";
import type { ReactNode } from "react";
import "@claudeops/react/styles.css";
import "./app.css";

export const metadata: Metadata = { title: "Operations", description: "ClaudeOps inside a Next.js app" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
