import { formatWhen, StatusShape, useExecutions, useHub } from "@claudeops/react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Bot, CornerDownLeft, Keyboard, Play, SunMoon, TextSearch } from "lucide-react";
import {
  type KeyboardEvent,
  type ReactNode,
  useDeferredValue,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { isComposing } from "../lib/keys.ts";
import { useAgents } from "../lib/queries.ts";
import { useRunner } from "../lib/run.tsx";
import { setTheme } from "../lib/theme.ts";
import { sayError } from "../lib/toasts.ts";
import { byUse } from "../lib/use.ts";
import { summaryOf, toneOf } from "../lib/words.ts";
import { Dialog } from "../parts/dialog.tsx";
import { rankOf } from "./rank.ts";
import { PLACES } from "./top.tsx";

interface Entry {
  readonly key: string;
  readonly group: string;
  readonly icon: ReactNode;
  readonly name: string;
  readonly more: string;
  readonly search: string;
  act(): void;
}

export default function Palette({
  open,
  onClose,
  onHelp,
}: {
  open: boolean;
  onClose(): void;
  onHelp(): void;
}): ReactNode {
  return (
    <Dialog open={open} onClose={onClose} title="Search or run" width={600} bare>
      <Seeker onClose={onClose} onHelp={onHelp} />
    </Dialog>
  );
}

function Seeker({ onClose, onHelp }: { onClose(): void; onHelp(): void }): ReactNode {
  const navigate = useNavigate();
  const runner = useRunner();
  const hub = useHub();
  const { api, serverNow } = hub;
  const agents = useAgents();
  const { all } = useExecutions();
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const wanted = useDeferredValue(query.trim());

  // What the page does not hold, the server looks up.
  const found = useQuery({
    queryKey: ["palette", wanted],
    queryFn: ({ signal }) => api.executions.list({ q: wanted, limit: 8 }, { signal }),
    enabled: wanted.length >= 2,
    staleTime: 10_000,
  });

  const entries = useMemo<readonly Entry[]>(() => {
    const close = (act: () => void) => () => {
      onClose();
      act();
    };
    const icon = { size: 15, strokeWidth: 1.8, "aria-hidden": true } as const;
    const listed: Entry[] = [];
    for (const agent of byUse(agents.data?.agents ?? [], all)) {
      const title = agent.title || agent.name;
      listed.push({
        key: `run ${agent.name}`,
        group: "Run",
        icon: <Play {...icon} />,
        name: title,
        more: agent.description ?? "",
        search: `run ${agent.name} ${title} ${agent.description ?? ""}`,
        act: close(() => void runner.run(agent, { go: true }).catch(sayError)),
      });
    }
    const records = new Map(
      [...all.slice(0, 40), ...(found.data?.executions ?? [])].map((record) => [record.executionId, record]),
    );
    for (const record of records.values()) {
      listed.push({
        key: record.executionId,
        group: "Runs",
        icon: <StatusShape status={toneOf(record)} />,
        name: record.agentType,
        more: [formatWhen(Date.parse(record.queuedAt), serverNow()), summaryOf(record)]
          .filter(Boolean)
          .join(" · "),
        search: `${record.executionId} ${record.agentType} ${record.status} ${summaryOf(record)} ${record.error ?? ""}`,
        act: close(() => void navigate({ to: "/executions/$id", params: { id: record.executionId } })),
      });
    }
    for (const place of PLACES) {
      listed.push({
        key: place.to,
        group: "Go to",
        icon: <place.icon {...icon} />,
        name: place.name,
        more: `g ${place.key}`,
        search: `go to ${place.name}`,
        act: close(() => void navigate({ to: place.to })),
      });
    }
    for (const agent of agents.data?.agents ?? []) {
      listed.push({
        key: `agent ${agent.name}`,
        group: "Agents",
        icon: <Bot {...icon} />,
        name: agent.title || agent.name,
        more: agent.name,
        search: `agent ${agent.name} ${agent.title ?? ""}`,
        act: close(() => void navigate({ to: "/agents/$name", params: { name: agent.name } })),
      });
    }
    for (const theme of ["light", "dark", "system"] as const) {
      listed.push({
        key: `theme ${theme}`,
        group: "Settings",
        icon: <SunMoon {...icon} />,
        name: theme === "system" ? "Theme of the system" : `${theme === "dark" ? "Dark" : "Light"} theme`,
        more: "",
        search: `settings theme ${theme}`,
        act: close(() => setTheme(theme)),
      });
    }
    if (wanted.length >= 2) {
      listed.push({
        key: "lines",
        group: "Lines",
        icon: <TextSearch {...icon} />,
        name: `Find “${wanted}” in every log`,
        more: "",
        search: `lines ${wanted}`,
        act: close(() => void navigate({ to: "/executions", search: { in: "lines", q: wanted } })),
      });
    }
    listed.push({
      key: "help",
      group: "Go to",
      icon: <Keyboard {...icon} />,
      name: "Keys",
      more: "?",
      search: "keys shortcuts help",
      act: close(onHelp),
    });
    return listed;
  }, [agents.data, all, found.data, navigate, onClose, onHelp, runner, serverNow, wanted]);

  const shown = useMemo(() => {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0)
      return entries
        .filter((entry) => !["Agents", "Runs", "Settings"].includes(entry.group))
        .concat(entries.filter((entry) => entry.group === "Runs").slice(0, 5));
    return entries
      .map((entry) => ({ entry, rank: rankOf(entry, words) }))
      .filter(({ rank }) => rank > 0)
      .sort((a, b) => b.rank - a.rank)
      .slice(0, 30)
      .map(({ entry }) => entry);
  }, [entries, wanted]);
  const groups = useMemo(() => {
    const byName = new Map<string, Entry[]>();
    for (const entry of shown) byName.set(entry.group, [...(byName.get(entry.group) ?? []), entry]);
    return [...byName];
  }, [shown]);
  const ordered = groups.flatMap(([, inside]) => inside);
  const current = Math.min(at, ordered.length - 1);

  // biome-ignore lint/correctness/useExhaustiveDependencies: after every move
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [current, wanted]);

  const onKeyDown = (event: KeyboardEvent) => {
    // Enter that ends a composition starts nothing; nor does one that is held down.
    if (isComposing(event.nativeEvent) || (event.key === "Enter" && event.repeat)) return;
    if (event.key === "ArrowDown") setAt(Math.min(ordered.length - 1, current + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, current - 1));
    else if (event.key === "Enter") ordered[current]?.act();
    else return;
    event.preventDefault();
  };
  let index = -1;
  return (
    <>
      <input
        type="text"
        className="w-full px-4 h-12 text-[15px] bg-transparent border-0 border-b border-line outline-0! placeholder:text-ink-3"
        placeholder="Run an agent, find a run, go somewhere…"
        aria-label="Search or run"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={ordered[current] ? `palette-${current}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div
        ref={list}
        id="palette-list"
        role="listbox"
        aria-label="Results"
        className="overflow-y-auto max-h-[50dvh] p-2"
      >
        {ordered.length === 0 && (
          <p className="px-3 py-6 text-center text-ink-3">
            {found.isFetching ? "Looking…" : "Nothing like that."}
          </p>
        )}
        {groups.map(([name, inside]) => (
          // biome-ignore lint/a11y/useSemanticElements: a listbox has groups, not fieldsets
          <div key={name} role="group" aria-label={name}>
            <div
              className="px-2 pt-2 pb-1 text-[11px] font-semibold uppercase tracking-[0.04em] text-ink-3"
              aria-hidden="true"
            >
              {name}
            </div>
            {inside.map((entry) => {
              index++;
              const here = index;
              return (
                <div
                  key={entry.key}
                  id={`palette-${here}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={here === current}
                  className="flex items-center gap-2.5 px-2 py-1.5 rounded-md cursor-pointer aria-selected:bg-hover"
                  onPointerMove={() => setAt(here)}
                  onClick={entry.act}
                  onKeyDown={onKeyDown}
                >
                  <span className="grid place-items-center w-4 text-ink-3">{entry.icon}</span>
                  <span className="flex-none font-[550]">{entry.name}</span>
                  <span className="truncate text-ink-3">{entry.more}</span>
                  {here === current && (
                    <CornerDownLeft size={13} className="ml-auto flex-none text-ink-3" aria-hidden="true" />
                  )}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </>
  );
}
