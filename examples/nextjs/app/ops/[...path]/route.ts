import { environment } from "../../../environment";

export const dynamic = "force-dynamic";

/** What of the server's API the page needs; nothing else is passed on. */
const PASSED = [/^api\/agents(\/[a-z0-9-]+)?$/, /^api\/executions(\/[a-z0-9]{26}(\/(events|cancel|search))?)?$/, /^api\/(events|poll|messages|session|system)$/];

/** The server's own token must not act for a page of somebody else. */
function isOurs(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  return request.method === "GET" ? site !== "cross-site" : site === "same-origin";
}

async function pass(request: Request, { params }: { params: Promise<{ path: string[] }> }): Promise<Response> {
  const path = (await params).path.join("/");
  if (!isOurs(request) || !PASSED.some((pattern) => pattern.test(path))) return new Response("not passed on", { status: 403 });
  const headers = new Headers({ authorization: `Bearer ${environment.token}` });
  for (const name of ["accept", "content-type", "last-event-id", "idempotency-key"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  // Connections of one browser are told apart by what the client says in the address, not by a cookie.
  const answer = await fetch(`${environment.url}/${path}${new URL(request.url).search}`, {
    method: request.method,
    headers,
    ...(request.method === "POST" ? { body: await request.text() } : {}),
    signal: request.signal,
    cache: "no-store",
  });
  const kept = new Headers();
  for (const name of ["content-type", "cache-control", "retry-after", "x-accel-buffering"]) {
    const value = answer.headers.get(name);
    if (value !== null) kept.set(name, value);
  }
  return new Response(answer.body, { status: answer.status, headers: kept });
}

export { pass as GET, pass as POST };
