import type { Metadata } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";
import "@claudeops/react/styles.css";
import "./app.css";

export const metadata: Metadata = { title: "Operations", description: "ClaudeOps inside a Next.js app" };

export default async function Layout({ children }: { children: ReactNode }) {
  // A page made when the app is built could not carry the nonce of proxy.ts.
  await connection();
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
