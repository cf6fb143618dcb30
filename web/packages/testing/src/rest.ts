import type { FakeHost } from "./host.js";

type Server = FakeHost<never>;

/** Answers what a client asks over HTTP, as the server's REST does. */
export async function answer(server: Server, url: URL, method: string, body: string): Promise<Response> {
  const path = url.pathname.slice(server.base.pathname.length);
  const [api, what, id, part] = path.split("/").map(decodeURIComponent);
  if (api !== "api") return problem(404, "not_found", `there is no ${url.pathname}`);
  switch (what) {
    case "agents": {
      if (id === undefined) return Response.json({ agents: server.agents, problems: [] });
      const agent = server.agents.find(({ name }) => name === id);
      return agent ? Response.json(agent) : problem(404, "not_found", `there is no agent ${id}`);
    }
    case "session":
      return Response.json({ ...server.user, kind: "owner", version: "test" });
    case "system":
      return Response.json(server.system());
    case "executions":
      if (id === undefined) {
        if (method === "POST") return create(server, body);
        return list(server, url.searchParams);
      }
      return execution(server, url, id, part, method);
    default:
      return problem(404, "not_found", `the fake server has no /api/${what}; answer it with server.routes`);
  }
}

function create(server: Server, body: string): Response {
  const { agentType = "", config = {} } = JSON.parse(body || "{}") as {
    agentType?: string;
    config?: Record<string, unknown>;
  };
  return Response.json(server.execute(agentType, config, undefined).execution.record, { status: 201 });
}

function list(server: Server, query: URLSearchParams): Response {
  const statuses = (query.get("status") ?? "").split(",").filter(Boolean);
  const agent = query.get("agentType");
  const words = query.get("q")?.toLowerCase();
  const found = server.journals
    .records()
    .filter(
      (record) =>
        (statuses.length === 0 || statuses.includes(record.status)) &&
        (agent === null || record.agentType === agent) &&
        (words === undefined || JSON.stringify(record).toLowerCase().includes(words)),
    );
  const from = Number(query.get("cursor") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const next = from + limit < found.length ? String(from + limit) : "";
  return Response.json({ executions: found.slice(from, from + limit), next, total: found.length });
}

function execution(server: Server, url: URL, id: string, part: string | undefined, method: string): Response {
  const record = server.journals.record(id);
  const events = server.journals.events(id);
  if (!record || !events) return problem(404, "not_found", `there is no execution ${id}`);
  switch (part) {
    case undefined:
      return Response.json(record);
    case "pin":
      return Response.json({ ...record, pinned: method === "PUT" });
    case "events": {
      const tail = url.searchParams.get("tail");
      const since = tail === null ? Number(url.searchParams.get("since") ?? 0) : events.length - Number(tail);
      const limit = Number(url.searchParams.get("limit") ?? events.length);
      const lines = events.slice(Math.max(0, since), Math.max(0, since) + limit);
      return new Response(lines.map((event) => `${JSON.stringify(event)}\n`).join(""), {
        headers: { "Content-Type": "application/x-ndjson" },
      });
    }
    case "log": {
      const lines = events.flatMap((event) => (event.type === "execution:log" ? [`${event.message}\n`] : []));
      return new Response(lines.join(""), { headers: { "Content-Type": "text/plain; charset=utf-8" } });
    }
    default:
      return problem(
        404,
        "not_found",
        `the fake server has no ${url.pathname}; answer it with server.routes`,
      );
  }
}

export function problem(status: number, code: string, detail: string): Response {
  return new Response(JSON.stringify({ code, detail, retryable: false }), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });
}
