import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { connect, createApi, RequestError, TimeoutError } from "../src/index.js";
import { goldenFrame, goldenLines } from "./golden.js";

type Handler = (
  url: URL,
  request: { method: string; headers: Record<string, unknown>; body: string },
) => [number, unknown, Record<string, string>?];

async function serve(handler: Handler): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    const [status, answer, headers] = handler(new URL(request.url ?? "/", "http://x"), {
      method: request.method ?? "",
      headers: request.headers,
      body,
    });
    if (answer === undefined) return; // never answered
    response.writeHead(status, headers).end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
}

const record = JSON.parse(goldenLines("feeds.ndjson")[0] ?? "").executions[0] as Record<string, unknown>;

describe("REST", () => {
  it("pins and unpins, and lists what is pinned or is not", async () => {
    const asked: string[] = [];
    const url = await serve(({ pathname, search }, { method, headers, body }) => {
      asked.push(`${method} ${pathname}${search} ${headers["content-type"] ?? ""}${body}`);
      return [
        200,
        pathname.endsWith("/executions") ? { executions: [] } : { ...record, pinned: method === "PUT" },
      ];
    });
    const api = createApi({ url });
    expect((await api.executions.pin("a/b")).pinned).toBe(true);
    expect((await api.executions.unpin("ab")).pinned).toBe(false);
    await api.executions.list({ pinned: true });
    await api.executions.list({ pinned: false });
    expect(asked).toEqual([
      "PUT /base/api/executions/a%2Fb/pin ",
      "DELETE /base/api/executions/ab/pin ",
      "GET /base/api/executions?pinned=true ",
      "GET /base/api/executions?pinned=false ",
    ]);
  });

  it("names a web page that comes instead of an answer", async () => {
    const url = await serve(({ pathname }) => [
      pathname.endsWith("/agents") ? 200 : 404,
      "<!doctype html><p>Welcome</p>",
      { "Content-Type": "text/html; charset=utf-8" },
    ]);
    const api = createApi({ url });
    const said = /api\/agents answered with a web page, .* check the url and its base path/;
    await expect(api.agents.list()).rejects.toThrow(said);
    await expect(api.system.get()).rejects.toThrow(/api\/system answered with a web page \(404\)/);
    for (const transport of ["sse", "poll"] as const) {
      const connection = connect({
        url: `${url}/api/agents`,
        transports: [transport],
        reconnect: { maxAttempts: 0 },
      });
      onTestFinished(() => connection.close());
      await expect(connection.ready()).rejects.toThrow(/answered with a web page/);
    }
  });

  it("lists executions by every filter", async () => {
    const asked: string[] = [];
    const url = await serve(({ pathname, search }) => {
      asked.push(pathname + search);
      return [200, { executions: [record], next: "n", total: 7 }];
    });
    const api = createApi({ url });
    const page = await api.executions.list({
      status: ["running", "queued"],
      agentType: "a b",
      since: new Date(0),
      until: "2026-01-01T00:00:00Z",
      q: "x&y",
      limit: 5,
      cursor: "c",
      count: true,
    });
    expect(page).toMatchObject({
      next: "n",
      total: 7,
      executions: [{ executionId: record.executionId, status: "running" }],
    });
    await api.executions.list();
    expect(asked).toEqual([
      "/base/api/executions?status=running%2Cqueued&agentType=a+b&since=1970-01-01T00%3A00%3A00.000Z&until=2026-01-01T00%3A00%3A00Z&q=x%26y&limit=5&cursor=c&count=true",
      "/base/api/executions",
    ]);
    expect(api.executions.logUrl("a/b")).toBe(`${url}/api/executions/a%2Fb/log`);
  });

  it("reads events as any transport does, and gaps apart", async () => {
    let asked = "";
    const url = await serve(({ pathname, search }) => {
      asked = pathname + search;
      return [200, goldenFrame("logs-odd.ndjson") + goldenFrame("replies.ndjson")];
    });
    const page = await createApi({ url }).executions.events("id", { since: 5, limit: 100 });
    expect(asked).toBe("/base/api/executions/id/events?since=5&limit=100");
    expect(page.events).toHaveLength(goldenLines("logs-odd.ndjson").length);
    expect(page.gaps.map(({ from, to }) => [from, to])).toEqual([
      [1, 4096],
      [5000, 5000],
    ]);
  });

  it("gives agents, and what is wrong with definitions", async () => {
    const url = await serve(({ pathname }) =>
      pathname.endsWith("/agents")
        ? [
            200,
            {
              agents: [{ name: "a", parameters: { type: "object" } }, 7, null],
              problems: [{ file: "b.yaml", message: "no name" }],
            },
          ]
        : [200, { name: "a" }],
    );
    const api = createApi({ url });
    expect(await api.agents.list()).toEqual({
      agents: [{ name: "a", parameters: { type: "object" } }],
      problems: [{ file: "b.yaml", message: "no name" }],
    });
    expect(await api.agents.get("a")).toEqual({ name: "a" });
  });

  it("throws what the server says is wrong", async () => {
    const url = await serve(({ pathname }) => {
      if (pathname.endsWith("/missing")) {
        return [
          404,
          {
            type: "about:blank",
            title: "Not Found",
            code: "not_found",
            detail: "there is no execution missing",
            retryable: false,
          },
        ];
      }
      if (pathname.endsWith("/busy"))
        return [429, { code: "rate_limited", detail: "wait", retryable: true, retryAfterMs: 300 }];
      if (pathname.endsWith("/proxy"))
        return [502, "<h1>Bad Gateway</h1>", { "Content-Type": "text/html", "Retry-After": "2" }];
      return [200, "<html>another page</html>"];
    });
    const api = createApi({ url });
    const failure = (id: string) => api.executions.get(id).catch((error: unknown) => error);
    expect(await failure("missing")).toBeInstanceOf(RequestError);
    expect(await failure("missing")).toMatchObject({
      code: "not_found",
      message: "there is no execution missing",
      httpStatus: 404,
    });
    expect(await failure("busy")).toMatchObject({ code: "rate_limited", retryAfterMs: 300, retryable: true });
    expect(await failure("proxy")).toMatchObject({
      code: "unavailable",
      retryAfterMs: 2000,
      retryable: true,
      httpStatus: 502,
    });
    expect(await failure("other")).toMatchObject({ name: "ClaudeOpsError", retryable: false });
    const gone = createApi({ url: "http://127.0.0.1:9" });
    await expect(gone.system.get()).rejects.toMatchObject({ code: "unavailable", retryable: true });
  });

  it("shows a renewed credential once, and no other twice", async () => {
    const shown: unknown[] = [];
    let good = "two";
    const url = await serve((_, { headers }) => {
      shown.push(headers.authorization);
      return headers.authorization === `Bearer ${good}`
        ? [200, { agents: [], problems: [] }]
        : [401, { code: "unauthenticated", detail: "expired" }];
    });
    let made = 0;
    const api = createApi({
      url,
      credential: { kind: "token", token: () => ["one", "two", "three", "four"][made++] ?? "" },
    });
    await Promise.all([api.agents.list(), api.agents.list()]);
    expect(made).toBe(2);
    good = "none";
    await expect(api.agents.list()).rejects.toMatchObject({ code: "unauthenticated", httpStatus: 401 });
    expect(shown.slice(-2)).toEqual(["Bearer two", "Bearer three"]);
    const fixed = createApi({ url, credential: { kind: "token", token: "fixed" } });
    shown.length = 0;
    await expect(fixed.agents.list()).rejects.toMatchObject({ code: "unauthenticated" });
    expect(shown).toEqual(["Bearer fixed"]);
  });

  it("ends by a signal or in time", async () => {
    const url = await serve(() => [200, undefined]);
    const api = createApi({ url });
    await expect(api.system.get({ timeoutMs: 20 })).rejects.toBeInstanceOf(TimeoutError);
    const stop = new AbortController();
    const call = api.system.get({ signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
  });

  it("searches across executions, line by line", async () => {
    const matches = goldenLines("replies.ndjson").filter((line) => line.includes("logs:matches"));
    let asked = "";
    const url = await serve(({ search }) => {
      asked = search;
      return [200, `${matches.join("\n")}\n\n{"type":"new"}\nnonsense`];
    });
    const found: number[] = [];
    for await (const page of createApi({ url }).executions.search({
      query: "x",
      status: ["failed", "completed"],
      regex: true,
    })) {
      found.push(page.matches.length);
    }
    expect(found).toEqual([2, 1, 0]);
    expect(asked).toBe("?query=x&status=failed%2Ccompleted&regex=true");
    const failing = await serve(() => [
      200,
      '{"type":"error","code":"bad_request","message":"no such expression","retryable":false}\n',
    ]);
    await expect(async () => {
      for await (const _ of createApi({ url: failing }).executions.search({ query: "(" }));
    }).rejects.toMatchObject({ code: "bad_request" });
  });

  it("posts JSON", async () => {
    let got: unknown;
    const url = await serve(({ pathname }, { method, body, headers }) => {
      got = [method, pathname, JSON.parse(body), headers["content-type"]];
      return [204, ""];
    });
    expect(await createApi({ url }).post("/api/logout", { everywhere: true })).toBeUndefined();
    expect(got).toEqual(["POST", "/base/api/logout", { everywhere: true }, "application/json"]);
  });
});
