import { createRootRoute, createRoute, createRouter, Link, lazyRouteComponent } from "@tanstack/react-router";
import { parseHistorySearch } from "./history/address.ts";
import { basePath } from "./lib/place.ts";
import { Overview } from "./pages/overview.tsx";
import { Notice, Placeholder } from "./parts/notice.tsx";
import { Shell } from "./shell/shell.tsx";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const overview = createRoute({ getParentRoute: () => root, path: "/", component: Overview });
const login = createRoute({ getParentRoute: () => root, path: "/login", component: Overview });

const history = createRoute({
  getParentRoute: () => root,
  path: "/executions",
  validateSearch: parseHistorySearch,
  component: lazyRouteComponent(() => import("./pages/history.tsx")),
});

const execution = createRoute({
  getParentRoute: () => root,
  path: "/executions/$id",
  component: lazyRouteComponent(() => import("./pages/execution.tsx")),
});

const agents = createRoute({
  getParentRoute: () => root,
  path: "/agents",
  component: lazyRouteComponent(() => import("./pages/agents.tsx")),
});
const agent = createRoute({
  getParentRoute: () => root,
  path: "/agents/$name",
  component: lazyRouteComponent(() => import("./pages/agent.tsx")),
});
const system = createRoute({
  getParentRoute: () => root,
  path: "/system",
  component: lazyRouteComponent(() => import("./pages/system.tsx")),
});

export const router = createRouter({
  routeTree: root.addChildren([overview, login, history, execution, agents, agent, system]),
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
  scrollRestoration: true,
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
