import { createHmac } from "node:crypto";
import { environment } from "../../../environment";

/** Seconds a browser's token is good for; the page asks for another before anybody notices. */
const LIFETIME = 300;

/**
 * Makes a token for the browser that asks. A real app first finds out who that is, from its own
 * session, and gives each user what they may do.
 */
export async function POST(request: Request): Promise<Response> {
  if (request.headers.get("sec-fetch-site") !== "same-origin") return new Response("only this app's pages may ask", { status: 403 });
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    sub: "next-user",
    iat: now,
    exp: now + LIFETIME,
    permissions: ["agents:execute", "executions:read", "executions:cancel", "system:read"],
  };
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const signature = createHmac("sha256", environment.jwtSecret).update(body).digest("base64url");
  return new Response(`${body}.${signature}`, { headers: { "cache-control": "no-store" } });
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
