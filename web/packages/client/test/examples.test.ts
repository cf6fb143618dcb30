import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runAgent } from "../examples/run-agent.js";
import { fakeServer } from "./helpers.js";

const readme = new URL("../README.md", import.meta.url);
const examples = new URL("../examples/", import.meta.url);

describe("examples", () => {
  it("stand in the README as they are (UPDATE=1 writes them there)", () => {
    const before = readFileSync(readme, "utf8");
    const shown: string[] = [];
    const after = before.replace(/<!-- example: (\S+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
      shown.push(name);
      return `<!-- example: ${name} -->\n\`\`\`ts\n${readFileSync(new URL(name, examples), "utf8")}\`\`\`\n<!-- end -->`;
    });
    if (process.env.UPDATE) writeFileSync(readme, after);
    else expect(before).toBe(after);
    expect(shown.sort()).toEqual(readdirSync(examples).sort());
  });

  it("run", async () => {
    const server = await fakeServer({ token: "secret" });
    const lines: string[] = [];
    const running = runAgent(server.url, "secret", (line) => lines.push(line));
    await server.until(() => server.received.some(({ type }) => type === "agent:execute"));
    server.log("e0", "63 % of / is used");
    server.complete("e0");
    expect(await running).toMatchObject({ type: "execution:completed", exitCode: 0 });
    expect(lines).toEqual(["63 % of / is used"]);
  });
});
