import { formatPlural } from "@claudeops/react";
import { type ReactNode, useState } from "react";
import { Linked } from "./linked.tsx";

/** Entries of one object or list drawn before one asks for more. */
const FIRST = 200;

/** Any value as a tree that folds: what is deep begins folded. */
export function JsonView({ value }: { readonly value: unknown }): ReactNode {
  return (
    <div className="font-mono text-[12.5px] leading-5 wrap-anywhere">
      <Node value={value} depth={0} />
    </div>
  );
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }): ReactNode {
  const entries =
    typeof value === "object" && value !== null
      ? Array.isArray(value)
        ? value.map((one, i) => [String(i), one] as const)
        : Object.entries(value as Record<string, unknown>)
      : null;
  const [open, setOpen] = useState(depth < 2 && (entries?.length ?? 0) <= 50);
  const [most, setMost] = useState(FIRST);
  const label = name === undefined ? null : <span className="text-ink-2">{name}: </span>;
  if (entries === null || entries.length === 0) {
    return (
      <div className="pl-4">
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const what = Array.isArray(value)
    ? formatPlural(entries.length, "entry", "entries")
    : formatPlural(entries.length, "field");
  return (
    <div>
      <button
        type="button"
        className="text-left hover:bg-hover rounded-sm"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span className="inline-block w-4 text-center text-ink-3" aria-hidden="true">
          {open ? "▾" : "▸"}
        </span>
        {label}
        <span className="text-ink-3">
          {Array.isArray(value) ? "[…]" : "{…}"} {what}
        </span>
      </button>
      {open && (
        <div className="pl-4 border-l border-line ml-2">
          {entries.slice(0, most).map(([key, one]) => (
            <Node key={key} name={key} value={one} depth={depth + 1} />
          ))}
          {entries.length > most && (
            <button type="button" className="link pl-4" onClick={() => setMost(most + FIRST)}>
              {formatPlural(entries.length - most, "more", "more")}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Leaf({ value }: { value: unknown }): ReactNode {
  if (typeof value === "string") {
    return (
      <span className="whitespace-pre-wrap">
        "<Linked text={value} />"
      </span>
    );
  }
  return <span className="text-accent">{JSON.stringify(value) ?? "undefined"}</span>;
}
