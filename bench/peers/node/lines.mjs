// The source of the peers on Node: lines at a rate, as the contract's messages.
import { createInterface } from "node:readline";

const padding = "the quick brown fox jumps over the lazy dog 0123456789 ".repeat(5);

export function event(n) {
  const now = process.hrtime.bigint() - started + startedAt;
  const head = `t=${now} n=${String(n).padStart(9, "0")} `;
  return {
    type: "execution:log",
    executionId: "01jd3kq7f0e9aaaaaaaaaaaaaa",
    seq: n,
    timestamp: new Date().toISOString(),
    level: "info",
    stream: "stdout",
    message: head + padding.slice(0, 220 - head.length),
  };
}

// hrtime has no date: it is set beside the wall clock once.
const startedAt = BigInt(Date.now()) * 1_000_000n;
const started = process.hrtime.bigint();

/** Publishes at the rate that comes on stdin. */
export function publishAtRate(publish) {
  createInterface({ input: process.stdin }).once("line", (text) => {
    const rate = Number(text);
    const began = performance.now();
    let n = 0;
    setInterval(() => {
      const due = Math.floor(((performance.now() - began) / 1000) * rate);
      while (n < due) publish(event(n++));
    }, 1);
  });
}
