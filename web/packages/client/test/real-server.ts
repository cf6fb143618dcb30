import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApi } from "../src/index.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** The server's binary: CLAUDEOPS_BIN, or one that is built here and now from this checkout. */
export function binary(dir: string): string {
  const given = process.env.CLAUDEOPS_BIN;
  if (given !== undefined) {
    if (!existsSync(given))
      throw new Error(`CLAUDEOPS_BIN is ${given}, and there is nothing; build it with: make build`);
    return given;
  }
  const path = join(dir, "claudeops");
  try {
    execFileSync("go", ["build", "-o", path, "./cmd/claudeops"], {
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    throw new Error(
      `the server could not be built (go build ./cmd/claudeops in ${root}); install Go 1.26 or give CLAUDEOPS_BIN: ${String(error)}`,
    );
  }
  return path;
}

/** A server in a process of its own, on one data directory and one port, that can be killed and started again. */
export class RealServer {
  readonly dir = mkdtempSync(join(tmpdir(), "claudeops-client-"));
  readonly #binary: string;
  #listen = "127.0.0.1:0";
  #process: ChildProcess | undefined;
  #log = "";

  constructor(agents: Readonly<Record<string, string>>) {
    this.#binary = binary(this.dir);
    mkdirSync(join(this.dir, "agents"));
    for (const [name, yaml] of Object.entries(agents))
      writeFileSync(join(this.dir, "agents", `${name}.yaml`), yaml);
  }

  get url(): string {
    return `http://${this.#listen}`;
  }

  get token(): string {
    return readFileSync(join(this.dir, "data", "owner.token"), "utf8").trim();
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<void> {
    const child = spawn(
      this.#binary,
      [
        "serve",
        "--listen",
        this.#listen,
        "--data",
        join(this.dir, "data"),
        "--agents",
        join(this.dir, "agents"),
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      const read = (piece: Buffer) => {
        this.#log += piece.toString();
        const url = /msg=ready url=http:\/\/(\S+)/.exec(this.#log)?.[1];
        if (url === undefined) return;
        this.#listen = url;
        resolve();
      };
      child.stdout?.on("data", read);
      child.stderr?.on("data", read);
      child.on("exit", (code, signal) =>
        reject(new Error(`the server ended with ${code ?? signal}:\n${this.#log}`)),
      );
    });
    this.#log = "";
  }

  /** Ends it, by a signal that leaves it no time for anything. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends it for good, and first whatever still runs: agents outlive their server. */
  async stop(): Promise<void> {
    if (this.#process !== undefined) {
      const api = createApi({ url: this.url, credential: { kind: "token", token: this.token } });
      for (;;) {
        const { executions } = await api.executions.list({ status: ["queued", "running", "cancelling"] });
        if (executions.length === 0) break;
        for (const { executionId } of executions) await api.post(`api/executions/${executionId}/cancel`);
      }
    }
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
