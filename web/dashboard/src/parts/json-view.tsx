import { stringifyJson } from "@claudeops/client";
import { showControls } from "@claudeops/react";
import type { ReactNode } from "react";

/** Any value as indented JSON. */
export function JsonView({ value }: { readonly value: unknown }): ReactNode {
  return (
    <pre className="font-mono text-[12.5px] leading-5 whitespace-pre-wrap wrap-anywhere">
      {showControls(stringifyJson(value, 2))}
    </pre>
  );
}
