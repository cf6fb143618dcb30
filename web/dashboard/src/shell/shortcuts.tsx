import { LOG_SHORTCUTS } from "@claudeops/react";
import type { ReactNode } from "react";
import { isMac } from "../lib/keys.ts";
import { Dialog } from "../parts/dialog.tsx";
import { PLACES } from "./top.tsx";

const EVERYWHERE = [
  { keys: isMac ? "⌘ K" : "Ctrl K", does: "Search or run" },
  ...PLACES.map((place) => ({ keys: `g ${place.key}`, does: place.name })),
  { keys: "j k", does: "Next, previous row" },
  { keys: "Enter", does: "Open" },
  { keys: "?", does: "These keys" },
];

const EXECUTION = [
  { keys: "x", does: "Stop (asks first)" },
  { keys: "r", does: "Run again" },
  { keys: "e", does: "Run again, edited" },
];

export default function Shortcuts({ open, onClose }: { open: boolean; onClose(): void }): ReactNode {
  return (
    <Dialog open={open} onClose={onClose} title="Keys" width={640}>
      <div className="grid sm:grid-cols-2 gap-x-8 gap-y-5">
        <div className="grid gap-5 content-start">
          <Group name="Everywhere" keys={EVERYWHERE} />
          <Group name="On an execution" keys={EXECUTION} />
        </div>
        <Group name="In a log" keys={LOG_SHORTCUTS} />
      </div>
    </Dialog>
  );
}

function Group({
  name,
  keys,
}: {
  name: string;
  keys: readonly { readonly keys: string; readonly does: string }[];
}): ReactNode {
  return (
    <section>
      <div className="head-row">
        <h2>{name}</h2>
      </div>
      <dl className="grid grid-cols-[1fr_auto] gap-y-1.5">
        {keys.map((key) => (
          <div key={key.keys} className="contents">
            <dt>{key.does}</dt>
            <dd className="text-right">
              {key.keys.split(" ").map((part) => (
                <kbd key={part} className="ml-1">
                  {part}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
