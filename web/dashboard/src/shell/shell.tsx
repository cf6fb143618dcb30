import { useConnection, useExecutions } from "@claudeops/react";
import { useQueryClient } from "@tanstack/react-query";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { useKeys } from "../lib/keys.ts";
import { useEndNotifications } from "../lib/notify.ts";
import { type FailedPart, part, Ways } from "../lib/part.tsx";
import { useSession } from "../lib/queries.ts";
import { RunProvider } from "../lib/run.tsx";
import { useFavicon } from "../lib/title.ts";
import { Toaster } from "../parts/toaster.tsx";
import { moveRow, openRow } from "./rows.ts";
import { Bottom, PLACES, Top } from "./top.tsx";

const SignIn = part(() => import("../pages/sign-in.tsx"), { name: "The sign-in" });
const Palette = part(() => import("./palette.tsx"), { name: "The search", failed: floating });
const Shortcuts = part(() => import("./shortcuts.tsx"), { name: "The list of keys", failed: floating });

/** What is opened over the page fails over the page. */
function floating({ name, retry }: FailedPart): ReactNode {
  return (
    <div
      role="alert"
      className="box fixed bottom-4 left-1/2 -translate-x-1/2 z-50 flex items-center gap-2 px-3.5 py-2 shadow-lg"
    >
      {name} could not be loaded.
      <Ways retry={retry} />
    </div>
  );
}

/**
 * All the code there is, loaded while nothing else is to do: what one types right after ⌘K must not be
 * lost to a file that is on its way, and a server that has gone away must not take half the page with it.
 */
const LATER: readonly (() => Promise<unknown>)[] = [
  Palette.preload,
  Shortcuts.preload,
  SignIn.preload,
  () => import("../parts/dialog.tsx"),
  () => import("../parts/run-dialog.tsx"),
  () => import("../parts/report.tsx"),
  () => import("../parts/live-tail.tsx"),
  () => import("../parts/chart.tsx"),
  () => import("../pages/execution.tsx"),
  () => import("../pages/history.tsx"),
  () => import("../pages/agents.tsx"),
  () => import("../pages/agent.tsx"),
  () => import("../pages/system.tsx"),
  () => import("../pages/approvals.tsx"),
  () => import("../parts/approval-list.tsx"),
  () => import("../pages/costs.tsx"),
  () => import("../parts/continue-dialog.tsx"),
];

/** Loads one after the other, each when the browser is idle; gives what ends it. */
function loadLater(): () => void {
  let ended = false;
  const waiting = [...LATER];
  // Safari has no idle callback.
  const idle =
    typeof requestIdleCallback === "function"
      ? (act: () => void) => void requestIdleCallback(act, { timeout: 2000 })
      : (act: () => void) => void setTimeout(act, 200);
  const next = () => {
    const load = waiting.shift();
    if (ended || !load) return;
    // One that fails is loaded when it is wanted.
    load()
      .catch(() => {})
      .finally(() => idle(next));
  };
  idle(next);
  return () => {
    ended = true;
  };
}

/** What surrounds every page: the bar, the keys, what can be opened from anywhere. */
export function Shell(): ReactNode {
  return (
    <RunProvider>
      <Frame />
    </RunProvider>
  );
}

function Frame(): ReactNode {
  const navigate = useNavigate();
  const connection = useConnection();
  const client = useQueryClient();
  const session = useSession();
  const { active, all } = useExecutions();
  const [palette, setPalette] = useState<"closed" | "open" | "never">("never");
  const [help, setHelp] = useState<"closed" | "open" | "never">("never");
  const [signingIn, setSigningIn] = useState(false);
  const onExecution = useRouterState({ select: (state) => /\/executions\/./.test(state.location.pathname) });

  const refused =
    connection.problem?.type === "unauthenticated" ||
    connection.problem?.type === "expired" ||
    isUnauthenticated(session.error);
  // Who never was in sees nothing but the door; who was keeps what is on the screen.
  const outside = refused && session.data === undefined && connection.lastOpenAt === null;

  useFavicon(
    connection.status === "failed"
      ? "offline"
      : active.length > 0
        ? "running"
        : all[0]?.status === "failed"
          ? "failed"
          : "idle",
  );
  useEndNotifications(
    useCallback((id: string) => void navigate({ to: "/executions/$id", params: { id } }), [navigate]),
  );

  // After a time away everything that was asked for once is asked for again.
  const { openSince } = connection;
  useEffect(() => {
    if (openSince !== null) void client.invalidateQueries();
  }, [client, openSince]);

  useEffect(() => loadLater(), []);

  useKeys({
    "mod+k": (event) => {
      event.preventDefault();
      setPalette("open");
    },
    "?": () => setHelp("open"),
    ...Object.fromEntries(PLACES.map((place) => [`g ${place.key}`, () => void navigate({ to: place.to })])),
    ...(onExecution ? {} : { j: () => moveRow(1), k: () => moveRow(-1), Enter: openRow }),
  });

  if (outside || signingIn) {
    return (
      <SignIn
        onSignedIn={() => {
          setSigningIn(false);
          connection.retryNow();
          void client.invalidateQueries();
        }}
      />
    );
  }
  return (
    <>
      <button
        type="button"
        onClick={skip}
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-md focus:bg-accent focus:px-3 focus:py-1.5 focus:text-accent-ink"
      >
        Skip to the content
      </button>
      <Top onSeek={() => setPalette("open")} onSignIn={() => setSigningIn(true)} />
      <Stale />
      <Outlet />
      <Bottom />
      <Toaster />
      {palette !== "never" && (
        <Palette
          open={palette === "open"}
          onClose={() => setPalette("closed")}
          onHelp={() => setHelp("open")}
        />
      )}
      {help !== "never" && <Shortcuts open={help === "open"} onClose={() => setHelp("closed")} />}
    </>
  );
}

/** A link to #main would lead to where <base> says. */
function skip(): void {
  const main = document.getElementById("main");
  if (!main) return;
  main.tabIndex = -1;
  main.focus();
}

/** What is on the screen is old: says so, and since when. */
function Stale(): ReactNode {
  const { status, lastOpenAt } = useConnection();
  if (status === "open" || status === "connecting" || lastOpenAt === null) return null;
  const at = new Date(lastOpenAt).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  return (
    <div className="flex-none border-b border-line bg-sunken px-4 py-1 text-center text-ink-2" role="status">
      Not connected: what you see is from {at}. Agents run on without this page.
    </div>
  );
}

function isUnauthenticated(error: unknown): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "httpStatus" in error &&
    (error as { httpStatus: unknown }).httpStatus === 401
  );
}
