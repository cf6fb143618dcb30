import { createRootRoute, createRoute, createRouter, Link } from "@tanstack/react-router";
import type { ComponentType, ReactNode } from "react";
import { parseCostsSearch } from "./costs/address.ts";
import { parseHistorySearch } from "./history/address.ts";
import { type FailedPart, isLoadFailure, part, Ways } from "./lib/part.tsx";
import { basePath } from "./lib/place.ts";
import { Overview } from "./pages/overview.tsx";
import { Notice, Placeholder } from "./parts/notice.tsx";
import { Shell } from "./shell/shell.tsx";

/** A page whose code is loaded when it is opened, or before that. */
function page(name: string, load: () => Promise<{ readonly default: ComponentType }>) {
  return part<object>(load, { name, loading: <Pending />, failed: (said) => <FailedPage {...said} /> });
}

function FailedPage({ name, error, retry }: FailedPart): ReactNode {
  const unloaded = isLoadFailure(error);
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 py-8">
      <Notice
        title={unloaded ? `${name} could not be loaded` : `${name} broke`}
        tone="failed"
        actions={<Ways retry={retry} />}
      >
        <p>
          {unloaded
            ? "The server does not answer, or has been upgraded. A reload takes the new version."
            : error.message}
        </p>
        <p>Running agents are not affected.</p>
      </Notice>
    </main>
  );
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const overview = createRoute({ getParentRoute: () => root, path: "/", component: Overview });
const login = createRoute({ getParentRoute: () => root, path: "/login", component: Overview });

const history = createRoute({
  getParentRoute: () => root,
  path: "/executions",
  validateSearch: parseHistorySearch,
  component: page("History", () => import("./pages/history.tsx")),
});

const execution = createRoute({
  getParentRoute: () => root,
  path: "/executions/$id",
  component: page("This run", () => import("./pages/execution.tsx")),
});

const agents = createRoute({
  getParentRoute: () => root,
  path: "/agents",
  component: page("Agents", () => import("./pages/agents.tsx")),
});
const agent = createRoute({
  getParentRoute: () => root,
  path: "/agents/$name",
  component: page("This agent", () => import("./pages/agent.tsx")),
});
const approvals = createRoute({
  getParentRoute: () => root,
  path: "/approvals",
  component: page("Approvals", () => import("./pages/approvals.tsx")),
});
const costs = createRoute({
  getParentRoute: () => root,
  path: "/costs",
  validateSearch: parseCostsSearch,
  component: page("Costs", () => import("./pages/costs.tsx")),
});
const schedules = createRoute({
  getParentRoute: () => root,
  path: "/schedules",
  component: page("Schedules", () => import("./pages/schedules.tsx")),
});
const system = createRoute({
  getParentRoute: () => root,
  path: "/system",
  component: page("System", () => import("./pages/system.tsx")),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    login,
    history,
    execution,
    agents,
    agent,
    approvals,
    costs,
    schedules,
    system,
  ]),
  basepath: basePath === "" ? "/" : basePath,
  defaultPreload: "intent",
  defaultPendingComponent: Pending,
  defaultErrorComponent: ({ error, reset }) => (
    <div className="w-full max-w-[1180px] mx-auto px-4 py-8">
      <Notice
        title="This page broke"
        tone="failed"
        actions={
          <>
            <button type="button" className="cops-button" onClick={reset}>
              Try again
            </button>
            <button type="button" className="cops-button" onClick={() => location.reload()}>
              Reload
            </button>
          </>
        }
      >
        <p>{error instanceof Error ? error.message : String(error)}</p>
        <p>Running agents are not affected.</p>
      </Notice>
    </div>
  ),
  // The log knows itself where it stands: put back by the router it would leave the line of an address.
  scrollRestoration: ({ location }) => !/\/executions\/./.test(location.pathname),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function Pending() {
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 pt-5">
      <Placeholder rows={6} />
    </main>
  );
}

function NotFound() {
  return (
    <main id="main" className="w-full max-w-[1180px] mx-auto px-4 py-8">
      <Notice
        title="There is no such page"
        actions={
          <Link to="/" className="cops-button">
            Overview
          </Link>
        }
      />
    </main>
  );
}
