import { ConnectionIndicator, formatPlural, useApprovals } from "@claudeops/react";
import { Link } from "@tanstack/react-router";
import {
  Bot,
  CalendarClock,
  CircleDollarSign,
  Clock,
  Gauge,
  LayoutDashboard,
  Monitor,
  Moon,
  Search,
  Sun,
} from "lucide-react";
import type { ReactNode } from "react";
import { isMac } from "../lib/keys.ts";
import { setTheme, type Theme, useTheme } from "../lib/theme.ts";

export const PLACES = [
  { to: "/", name: "Overview", key: "o", icon: LayoutDashboard },
  { to: "/executions", name: "History", key: "h", icon: Clock },
  { to: "/agents", name: "Agents", key: "a", icon: Bot },
  { to: "/schedules", name: "Schedules", key: "d", icon: CalendarClock },
  { to: "/costs", name: "Costs", key: "c", icon: CircleDollarSign },
  { to: "/system", name: "System", key: "s", icon: Gauge },
] as const;

/** The one thin bar above every page. */
export function Top({ onSeek, onSignIn }: { onSeek(): void; onSignIn(): void }): ReactNode {
  return (
    <header className="sticky top-0 z-20 flex items-center gap-1 h-11 flex-none px-4 border-b border-line bg-panel">
      <Link to="/" className="flex items-center gap-2 mr-4 font-[650] tracking-[-0.01em]">
        <Mark />
        ClaudeOps
      </Link>
      <nav className="hidden sm:flex gap-0.5" aria-label="Pages">
        {PLACES.map((place) => (
          <Link
            key={place.to}
            to={place.to}
            activeOptions={{ exact: place.to === "/", includeSearch: false }}
            className="px-2.5 py-[5px] rounded-md font-[550] text-ink-2 hover:text-ink"
            activeProps={{ className: "text-ink! bg-sunken", "aria-current": "page" }}
          >
            {place.name}
          </Link>
        ))}
      </nav>
      <button
        type="button"
        onClick={onSeek}
        className="hidden md:flex items-center gap-2 ml-auto w-[240px] h-7 px-2 rounded-md border border-line bg-sunken text-ink-3 hover:border-strong"
      >
        Search or run…
        <kbd className="ml-auto">{isMac ? "⌘ K" : "Ctrl K"}</kbd>
      </button>
      <span className="ml-auto md:ml-2 flex items-center gap-1">
        <Waiting />
        <button
          type="button"
          onClick={onSeek}
          aria-label="Search or run"
          className="md:hidden grid place-items-center size-9 rounded-md text-ink-2 hover:text-ink hover:bg-hover"
        >
          <Search size={17} strokeWidth={1.8} aria-hidden="true" />
        </button>
        <ConnectionIndicator onSignIn={onSignIn} />
        <ThemeButton />
      </span>
    </header>
  );
}

/** How many agents wait for an answer, and the way to them. */
function Waiting(): ReactNode {
  const { approvals } = useApprovals();
  if (approvals.length === 0) return null;
  return (
    <Link
      to="/approvals"
      className="inline-flex items-center gap-1.5 h-7 px-2.5 rounded-full border border-warning text-warning font-[550] hover:bg-hover"
      aria-label={formatPlural(approvals.length, "approval waits for you", "approvals wait for you")}
    >
      {approvals.length}
      <span className="hidden sm:inline">{approvals.length === 1 ? "approval" : "approvals"}</span>
    </Link>
  );
}

/** Pages on a phone: in reach of a thumb. */
export function Bottom(): ReactNode {
  return (
    <nav
      className="sm:hidden sticky bottom-0 z-20 mt-auto grid grid-cols-6 border-t border-line bg-panel pb-[env(safe-area-inset-bottom)]"
      aria-label="Pages"
    >
      {PLACES.map((place) => (
        <Link
          key={place.to}
          to={place.to}
          activeOptions={{ exact: place.to === "/", includeSearch: false }}
          className="grid justify-items-center gap-0.5 py-2 text-[10.5px] font-[550] text-ink-2"
          activeProps={{ className: "text-accent!", "aria-current": "page" }}
        >
          <place.icon size={18} strokeWidth={1.8} aria-hidden="true" />
          {place.name}
        </Link>
      ))}
    </nav>
  );
}

const NEXT: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const ICONS = { system: Monitor, light: Sun, dark: Moon } as const;

function ThemeButton(): ReactNode {
  const theme = useTheme();
  const Icon = ICONS[theme];
  return (
    <button
      type="button"
      className="grid place-items-center size-8 rounded-md text-ink-2 hover:text-ink hover:bg-hover"
      title={`Theme: ${theme}`}
      aria-label={`Theme: ${theme}. Change to ${NEXT[theme]}`}
      onClick={() => setTheme(NEXT[theme])}
    >
      <Icon size={16} strokeWidth={1.8} aria-hidden="true" />
    </button>
  );
}

export function Mark({ size = 18 }: { readonly size?: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 18 18" aria-hidden="true">
      <path
        d="M2 9h3.2l2-5.5 3.4 11 2.2-5.5H16"
        fill="none"
        stroke="var(--cops-accent)"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
