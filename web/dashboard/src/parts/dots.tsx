import type { ExecutionRecord } from "@claudeops/client";
import { formatPlural, StatusShape } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { toneOf } from "../lib/words.ts";

/** The last runs as a row of shapes, oldest first. */
export function Dots({ records }: { readonly records: readonly ExecutionRecord[] }): ReactNode {
  if (records.length === 0) return <span>never run lately</span>;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a few links in a row are no fieldset
    <span
      className="inline-flex gap-1"
      aria-label={`Last ${formatPlural(records.length, "run")}`}
      role="group"
    >
      {[...records].reverse().map((record) => (
        <Link
          key={record.executionId}
          to="/executions/$id"
          params={{ id: record.executionId }}
          className="grid place-items-center size-4"
          title={toneOf(record)}
          aria-label={toneOf(record)}
        >
          <StatusShape status={toneOf(record)} />
        </Link>
      ))}
    </span>
  );
}
