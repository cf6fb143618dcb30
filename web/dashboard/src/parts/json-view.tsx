import { stringifyJson } from "@claudeops/client";
import type { ReactNode } from "react";

/** Any value as indented JSON. */
export function JsonView({ value }: { readonly value: unknown }): ReactNode {
  return (
    <pre className="font-mono text-[12.5px] leading-5 whitespace-pre-wrap wrap-anywhere">
      {stringifyJson(value, 2)}
    </pre>
  );
}
