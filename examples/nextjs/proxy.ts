import { type NextRequest, NextResponse } from "next/server";
import { environment } from "./environment";

/**
 * Sends every page with a Content-Security-Policy that lets nothing run or load that this app has not
 * put there. The pieces of @claudeops/react need no more than this.
 */
export function proxy(request: NextRequest): NextResponse {
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const ops = new URL(environment.url);
  const live = `${ops.protocol === "https:" ? "wss:" : "ws:"}//${ops.host}`;
  const development = process.env.NODE_ENV === "development";
  const policy = [
    "default-src 'self'",
    // Next's own inline scripts carry the nonce, and load the rest.
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ""}`,
    `style-src 'self'${development ? " 'unsafe-inline'" : ""}`,
    "img-src 'self' data:",
    // The direct way: requests and the live connection go to the ClaudeOps server.
    `connect-src 'self' ${ops.origin} ${live}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  const answer = NextResponse.next({ request: { headers } });
  answer.headers.set("content-security-policy", policy);
  answer.headers.set("x-content-type-options", "nosniff");
  answer.headers.set("referrer-policy", "no-referrer");
  return answer;
}

export const config = {
  // Pages only: files have nothing to run, and what is passed on keeps its own headers.
  matcher: ["/((?!api/|ops/|_next/static|_next/image|icon.svg).*)"],
};
