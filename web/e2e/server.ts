import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test as base, expect, type Page } from "@playwright/test";

const binary = process.env.CLAUDEOPS_BIN ?? fileURLToPath(new URL("../../bin/claudeops", import.meta.url));

export interface Execution {
  readonly executionId: string;
  readonly status: string;
  readonly head: number;
  readonly pid?: number;
  readonly processesReaped: number;
  readonly pinned?: boolean;
}

/** The real program on a data directory of its own, on a port of its own. */
export class Server {
  readonly dir: string;
  readonly basePath: string;
  readonly #args: readonly string[];
  #port = 0;
  #process: ChildProcess | null = null;
  #output = "";

  private constructor(dir: string, basePath: string, args: readonly string[]) {
    this.dir = dir;
    this.basePath = basePath;
    this.#args = args;
  }

  static async open(
    options: { basePath?: string; definitions?: "agents" | "demo"; args?: readonly string[] } = {},
  ): Promise<Server> {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run make build`);
    const dir = await mkdtemp(join(tmpdir(), "claudeops-e2e-"));
    const server = new Server(dir, options.basePath ?? "", options.args ?? []);
    await cp(new URL(`${options.definitions ?? "agents"}/`, import.meta.url), join(dir, "agents"), {
      recursive: true,
    });
    for (const name of await readdir(join(dir, "agents"))) {
      const file = join(dir, "agents", name);
      if (name.endsWith(".yaml"))
        await writeFile(file, (await readFile(file, "utf8")).replaceAll("AGENTS", join(dir, "agents")));
    }
    server.#port = await freePort();
    await server.start();
    return server;
  }

  /** The page's address, without a trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.basePath}`;
  }

  get output(): string {
    return this.#output;
  }

  async start(): Promise<void> {
    this.#output = "";
    const args = [
      "serve",
      "--listen",
      `127.0.0.1:${this.#port}`,
      "--data",
      join(this.dir, "data"),
      "--agents",
      join(this.dir, "agents"),
      "--print-link",
    ];
    args.push(...this.#args);
    if (this.basePath !== "") args.push("--base-path", this.basePath);
    const child = spawn(binary, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TZ: "UTC" },
    });
    this.#process = child;
    const take = (chunk: Buffer) => {
      this.#output += chunk.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    while (!/login\?ticket=/.test(this.#output)) {
      if (child.exitCode !== null) throw new Error(`the server did not start:\n${this.#output}`);
      await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    }
  }

  /** The link that the program printed. */
  get link(): string {
    return /http:\S+login\?ticket=\S+/.exec(this.#output)?.[0] ?? "";
  }

  async token(): Promise<string> {
    return (await readFile(join(this.dir, "data", "owner.token"), "utf8")).trim();
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async request(path: string, init: RequestInit = {}): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${await this.token()}`, "content-type": "application/json" },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${init.method ?? "GET"} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  async run(agentType: string, config: Record<string, unknown> = {}): Promise<string> {
    const record = (await this.request("/api/executions", {
      method: "POST",
      body: JSON.stringify({ agentType, config }),
    })) as Execution;
    return record.executionId;
  }

  async execution(id: string): Promise<Execution> {
    return (await this.request(`/api/executions/${id}`)) as Execution;
  }

  /** Waits until an execution has ended. */
  ended(id: string): Promise<Execution> {
    return this.endedWithin(id, 60_000);
  }

  async endedWithin(id: string, timeout: number): Promise<Execution> {
    await expect
      .poll(async () => (await this.execution(id)).status, { timeout })
      .toMatch(/completed|failed|cancelled/);
    return this.execution(id);
  }

  /** Stops what runs, then the server, and removes everything. */
  async close(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const { executions } = (await this.request(
        "/api/executions?status=queued,running,cancelling&limit=1000",
      )) as { executions: Execution[] };
      await Promise.all(
        executions.map((e) =>
          this.request(`/api/executions/${e.executionId}/cancel`, { method: "POST", body: "{}" }),
        ),
      );
      for (const e of executions) await this.ended(e.executionId);
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  probe.close();
  await once(probe, "close");
  return port;
}

interface Fixtures {
  /** The path the server lives under, for `test.use`. */
  basePath: string;
  /** A running server with the agents of this folder. */
  server: Server;
  /** A page that is signed in, on the overview. */
  signedIn: Page;
  /** What the page did that it must not: errors, refused by the policy, requests elsewhere. */
  misdeeds: string[];
}

export const test = base.extend<Fixtures>({
  basePath: ["", { option: true }],
  server: async ({ basePath }, use) => {
    const server = await Server.open({ basePath });
    await use(server);
    await server.close();
  },
  misdeeds: [
    async ({ page, server }, use) => {
      const misdeeds: string[] = [];
      page.on("pageerror", (error) => misdeeds.push(`error: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() !== "error" && message.type() !== "warning") return;
        // A browser says so itself when a server is away; the page's own word is the chip.
        if (/net::ERR_|WebSocket connection to|Failed to load resource/.test(message.text())) return;
        misdeeds.push(`${message.type()}: ${message.text()}`);
      });
      page.on("request", (request) => {
        const { protocol, host } = new URL(request.url());
        if (protocol === "data:" || protocol === "blob:") return;
        if (host !== new URL(server.url).host) misdeeds.push(`request to ${request.url()}`);
      });
      await use(misdeeds);
      expect(misdeeds).toEqual([]);
    },
    { auto: true },
  ],
  signedIn: async ({ page, server }, use) => {
    await signIn(page, server);
    await page.goto(`${server.url}/`);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await use(page);
  },
});

/** Puts the cookie into the page's browser. */
export async function signIn(page: Page, server: Server): Promise<void> {
  const { origin } = new URL(server.url);
  const answer = await page
    .context()
    .request.post(`${server.url}/login`, { data: { token: await server.token() }, headers: { origin } });
  expect(answer.ok(), await answer.text()).toBe(true);
}

/** The page may write to the clipboard, nobody may read it there: what is written is noted on the way. */
export async function recordCopies(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const write = navigator.clipboard.writeText.bind(navigator.clipboard);
    navigator.clipboard.writeText = (text) => {
      (window as unknown as { copied: string }).copied = text;
      return write(text);
    };
  });
}

export async function lastCopy(page: Page): Promise<string> {
  return page.evaluate(() => (window as unknown as { copied: string }).copied);
}

export { expect };
