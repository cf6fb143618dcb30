import { type AgentDefinition, stringifyJson } from "@claudeops/client";
import { useHub } from "@claudeops/react";
import { useNavigate } from "@tanstack/react-router";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { DoublePress } from "./double-press.ts";
import { part } from "./part.tsx";
import { say } from "./toasts.ts";
import { needsParameters } from "./words.ts";

const RunDialog = part(() => import("../parts/run-dialog.tsx"), { name: "The form" });

interface Asked {
  readonly agent: AgentDefinition;
  readonly initial?: Readonly<Record<string, unknown>> | undefined;
  readonly open: boolean;
}

export interface RunOptions {
  /** Parameters to begin with. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /** Show the form even where nothing must be asked. */
  readonly ask?: boolean;
  /** Go to the execution once it exists. */
  readonly go?: boolean;
}

export interface Runner {
  run(agent: AgentDefinition, options?: RunOptions): Promise<void>;
}

const RunContext = createContext<Runner | null>(null);

/** Starts agents from anywhere on the page; asks for parameters where an agent needs some. */
export function RunProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const hub = useHub();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [guard] = useState(() => new DoublePress());

  const start = useCallback(
    async (agent: AgentDefinition, config: Readonly<Record<string, unknown>>, go: boolean) => {
      if (!guard.admits(`${agent.name} ${stringifyJson(config)}`, performance.now())) return;
      const { executionId, queuePosition } = await hub.connection.execute({ agentType: agent.name, config });
      if (go) await navigate({ to: "/executions/$id", params: { id: executionId } });
      else
        say(
          `${agent.title || agent.name} ${queuePosition > 0 ? `queued, ${queuePosition}. in line` : "started"}`,
          { executionId },
        );
    },
    [hub, navigate, guard],
  );
  const runner = useMemo<Runner>(
    () => ({
      async run(agent, options = {}) {
        if (options.ask || (!options.config && needsParameters(agent)))
          setAsked({ agent, initial: options.config, open: true });
        else await start(agent, options.config ?? {}, options.go ?? false);
      },
    }),
    [start],
  );
  return (
    <RunContext.Provider value={runner}>
      {children}
      {asked && (
        <RunDialog
          agent={asked.agent}
          initial={asked.initial}
          open={asked.open}
          onClose={() => setAsked({ ...asked, open: false })}
          onRun={async (config) => {
            await start(asked.agent, config, true);
            setAsked({ ...asked, open: false });
          }}
        />
      )}
    </RunContext.Provider>
  );
}

export function useRunner(): Runner {
  const runner = useContext(RunContext);
  if (!runner) throw new Error("useRunner needs RunProvider");
  return runner;
}
