import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Incoming, parseFrame, parseMessage, type Skipped } from "../src/frame.js";
import { goldenFrame, goldenLines, goldenNames, goldenVerdicts, type Verdict } from "./golden.js";

function verdictOf(line: string): Verdict {
  const read: Incoming | Skipped = parseMessage(line);
  if (read === "malformed") return { kind: "malformed" };
  if (read === "unknown") {
    const { type } = JSON.parse(line) as { type: string };
    return { kind: "unknown", ...(type === "" ? {} : { type }) };
  }
  if (read.type === "unknown") {
    return {
      kind: "unknown event",
      type: String(read.fields.type),
      executionId: read.executionId,
      seq: read.seq,
    };
  }
  if ("seq" in read) return { kind: "event", type: read.type, executionId: read.executionId, seq: read.seq };
  return { kind: "message", type: read.type };
}

describe("golden frames", () => {
  it.each(goldenNames.filter((name) => name !== "client.ndjson"))("%s is read as Go reads it", (name) => {
    expect(goldenLines(name).map(verdictOf)).toEqual(goldenVerdicts[name]);
  });

  it("takes nothing that only clients say for a server's message", () => {
    for (const line of goldenLines("client.ndjson")) expect(parseMessage(line)).toBe("unknown");
  });

  it.each(goldenNames.filter((name) => !/malformed|unknown|client/.test(name)))(
    "%s loses nothing",
    (name) => {
      const read = parseFrame(goldenFrame(name));
      expect(read).toHaveLength(goldenLines(name).length);
      goldenLines(name).forEach((line, i) => {
        expect(read[i]).toMatchObject(JSON.parse(line) as object);
      });
    },
  );
});

describe("parseFrame", () => {
  it("keeps every odd character of a message", () => {
    const texts = parseFrame(goldenFrame("logs-odd.ndjson")).map((event) =>
      "message" in event ? event.message : undefined,
    );
    expect(texts).toContain("NUL [\u0000] bell [\u0007] escape [\u001b[31mred\u001b[0m] delete [\u007f]");
    expect(texts).toContain(
      "line separator [\u2028] paragraph separator [\u2029] next line [\u0085] BOM [\ufeff]",
    );
    expect(texts).toContain("a newline in\nthe message");
    expect(texts).toContain("x".repeat(65536));
    expect(texts).toContain("");
  });

  it("fills what a server leaves out when it is empty", () => {
    const [event] = parseFrame(
      '{"type":"execution:queued","executionId":"a","seq":1,"timestamp":"2026-01-01T00:00:00.000Z","agentType":"x"}',
    );
    expect(event).toMatchObject({ type: "execution:queued", config: {}, trigger: { kind: "", user: "" } });
    const [hello] = parseFrame(
      '{"type":"connection","connectionId":"c","user":{"id":"owner","permissions":null}}',
    );
    expect(hello).toMatchObject({
      user: { permissions: [] },
      limits: { maxMessageBytes: 0 },
      heartbeat: { intervalMs: 0 },
    });
  });

  it("does not let a message reach into prototypes", () => {
    const frame = goldenFrame("malformed.ndjson");
    parseFrame(frame);
    parseFrame(
      '{"type":"__proto__"}\n{"type":"constructor"}\n{"type":"toString","executionId":"a","seq":1}\n',
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(parseMessage('{"type":"constructor"}')).toBe("unknown");
    // The name of a shape that is no message.
    expect(parseMessage('{"type":"Limits"}')).toBe("unknown");
  });

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.json(),
          fc.json().map((json) => `{"type":"execution:log",${json}}`),
        ),
        (text) => {
          parseFrame(text);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("gives only what its type promises, whatever fields come", () => {
    const types = [
      "execution:log",
      "execution:completed",
      "execution:cost",
      "connection",
      "error",
      "logs:matches",
      "executions:snapshot",
      "system:status",
      "execution:status",
    ];
    const fields = fc.dictionary(
      fc.constantFrom(
        "executionId",
        "seq",
        "timestamp",
        "message",
        "level",
        "stream",
        "raw",
        "cost",
        "usd",
        "tokens",
        "user",
        "limits",
        "code",
        "matches",
        "executions",
        "memory",
        "trigger",
        "durationMs",
        "load",
        "head",
      ),
      fc.oneof(fc.jsonValue(), fc.nat(), fc.string(), fc.constant(null), fc.array(fc.jsonValue())),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...types), fields, (type, more) => {
        const read = parseMessage(JSON.stringify({ ...more, type }));
        if (typeof read === "string") return;
        accepted++;
        switch (read.type) {
          case "execution:log":
            expect(typeof read.message).toBe("string");
            expect(["string", "undefined"]).toContain(typeof read.raw);
            expect(read.seq).toBeGreaterThan(0);
            break;
          case "connection":
            expect(typeof read.user.id).toBe("string");
            expect(typeof read.limits.maxMessageBytes).toBe("number");
            expect(typeof read.heartbeat.intervalMs).toBe("number");
            break;
          case "executions:snapshot":
            for (const record of read.executions) expect(typeof record.trigger.kind).toBe("string");
            break;
          case "logs:matches":
            for (const match of read.matches) expect(Array.isArray(match.ranges)).toBe(true);
            break;
          case "error":
            expect(typeof read.code).toBe("string");
            break;
        }
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it("reads a frame as the lines it is made of, however they are put together", () => {
    const lines = goldenNames.filter((name) => name !== "client.ndjson").flatMap(goldenLines);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...lines), fc.constantFrom("\n", "\n\n", "\r\n", " \n"))),
        fc.boolean(),
        (parts, ended) => {
          const frame = parts
            .map(([line, end], i) => line + (!ended && i === parts.length - 1 ? "" : end))
            .join("");
          const alone = parts.map(([line]) => parseMessage(line)).filter((read) => typeof read === "object");
          expect(parseFrame(frame)).toEqual(alone);
        },
      ),
      { numRuns: 200 },
    );
  });
});
