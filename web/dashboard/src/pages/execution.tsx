import type { ExecutionRecord } from "@claudeops/client";
import {
  Elapsed,
  LogViewer,
  StatusBadge,
  StopButton,
  Transcript,
  useExecution,
  useHub,
} from "@claudeops/react";
import { Link, useParams } from "@tanstack/react-router";
import { Bell, BellRing, ChevronLeft, PanelRight, Pin } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useKeys } from "../lib/keys.ts";
import { canNotify, useWatched, watchEnd } from "../lib/notify.ts";
import { part } from "../lib/part.tsx";
import { useAgents, useSession, useStale } from "../lib/queries.ts";
import { useRunner } from "../lib/run.tsx";
import { useTitle } from "../lib/title.ts";
import { say, sayError } from "../lib/toasts.ts";
import { costOf, isMasked, reportStatus, summaryOf, toneOf, triggerWords } from "../lib/words.ts";
import ApprovalList from "../parts/approval-list.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ExecutionDetails } from "../parts/execution-details.tsx";
import { InputBox, readsInput } from "../parts/input-box.tsx";
import { Notice } from "../parts/notice.tsx";

const Report = part(() => import("../parts/report.tsx"), { name: "The result" });

const ContinueDialog = part(() => import("../parts/continue-dialog.tsx"), { name: "The form" });

const MARKS: Readonly<Record<string, string>> = {
  queued: "◌",
  running: "●",
  cancelling: "◐",
  completed: "✓",
  failed: "✕",
  cancelled: "⊘",
};

export default function ExecutionPage(): ReactNode {
  const { id } = useParams({ from: "/executions/$id" });
  const { record, loading, error, refresh } = useExecution(id);
  useTitle(record ? `${MARKS[record.status] ?? ""} ${record.agentType}` : "");
  if (!record) {
    const gone = !error || ("code" in error && error.code === "not_found");
    return (
      <main id="main" className="w-full max-w-[1180px] mx-auto px-4 py-8">
        {loading ? (
          <p className="text-ink-3">Loading…</p>
        ) : (
          <Notice
            title={gone ? "There is no such run" : "This run can't be shown"}
            {...(gone ? {} : { tone: "failed" })}
            actions={
              <>
                <button type="button" className="cops-button" onClick={() => void refresh()}>
                  Try again
                </button>
                <Link to="/executions" className="cops-button">
                  History
                </Link>
              </>
            }
          >
            <p>{gone ? `None has the id ${id}; or it was removed since.` : error.message}</p>
          </Notice>
        )}
      </main>
    );
  }
  return <Execution key={id} record={record} />;
}

type View = "transcript" | "log" | "result";

function Execution({ record }: { record: ExecutionRecord }): ReactNode {
  const hasReport = record.terminal && record.result !== undefined && record.result !== null;
  const agents = useAgents();
  const agent = agents.data?.agents.find((known) => known.name === record.agentType);
  // An agent that leads a conversation is read as one; its plain log is a tab away.
  const talks = record.sessionId !== undefined;
  const [tab, setTab] = useState<View | null>(null);
  const [details, setDetails] = useState(false);
  // A linked line is what one came for; else a report is.
  const linked = location.hash.startsWith("#L");
  const usual = talks ? "transcript" : "log";
  const shown = tab ?? (hasReport && reportStatus(record.result) !== null && !linked ? "result" : usual);
  return (
    <main
      id="main"
      className="flex-1 grid grid-rows-[auto_minmax(0,1fr)] h-[calc(100dvh-44px-57px-env(safe-area-inset-bottom))] sm:h-[calc(100dvh-44px)] min-h-0"
    >
      <Head record={record} onDetails={() => setDetails(!details)} detailsOpen={details} />
      <div className="grid lg:grid-cols-[minmax(0,1fr)_300px] min-h-0" data-stale={useStale()}>
        <div className={`${details ? "hidden lg:flex" : "flex"} flex-col min-w-0 min-h-0`}>
          {hasReport || talks ? (
            <div
              role="tablist"
              aria-label="Views"
              className="flex-none flex gap-1 px-3 pt-1 border-b border-line bg-panel"
            >
              {talks && (
                <Tab
                  name="Transcript"
                  active={shown === "transcript"}
                  onSelect={() => setTab("transcript")}
                />
              )}
              {hasReport && (
                <Tab name="Result" active={shown === "result"} onSelect={() => setTab("result")} />
              )}
              <Tab name="Log" active={shown === "log"} onSelect={() => setTab("log")} />
            </div>
          ) : null}
          {shown === "result" ? (
            <div
              className="flex-1 min-h-0 overflow-y-auto bg-bg"
              role="tabpanel"
              aria-label="Result"
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
              tabIndex={0}
            >
              <Report result={record.result} />
            </div>
          ) : (
            <>
              {(record.pendingApprovals?.length ?? 0) > 0 && (
                <div className="flex-none grid gap-2.5 p-3 max-h-[60%] overflow-y-auto border-b border-line">
                  <ApprovalList executionId={record.executionId} />
                </div>
              )}
              {shown === "transcript" ? (
                <Transcript
                  executionId={record.executionId}
                  label={`Transcript of ${record.agentType}`}
                  pageKeys
                />
              ) : (
                <LogViewer
                  executionId={record.executionId}
                  label={`Log of ${record.agentType}`}
                  pageKeys
                  defaults={{
                    wrap: matchMedia("(max-width: 760px)").matches,
                    time: matchMedia("(max-width: 760px)").matches ? "off" : "local",
                  }}
                />
              )}
              {!record.terminal && readsInput(agent) && <InputBox record={record} />}
            </>
          )}
        </div>
        <aside
          className={`${details ? "grid" : "hidden"} lg:grid content-start gap-[18px] px-4 py-3.5 border-l border-line bg-panel overflow-y-auto`}
          aria-label="Details"
        >
          <ExecutionDetails
            record={record}
            onLine={(seq) => {
              setTab(talks ? "transcript" : "log");
              setDetails(false);
              // As a link to the line would; the viewer hears of it.
              location.hash = `#L${seq}`;
            }}
          />
        </aside>
      </div>
    </main>
  );
}

function Tab({ name, active, onSelect }: { name: string; active: boolean; onSelect(): void }): ReactNode {
  return (
    <button
      type="button"
      role="tab"
      aria-selected={active}
      className={`px-2.5 py-1.5 -mb-px border-b-2 font-[550] ${active ? "border-accent text-ink" : "border-transparent text-ink-2 hover:text-ink"}`}
      onClick={onSelect}
    >
      {name}
    </button>
  );
}

function Head({
  record,
  onDetails,
  detailsOpen,
}: {
  record: ExecutionRecord;
  onDetails(): void;
  detailsOpen: boolean;
}): ReactNode {
  const runner = useRunner();
  const agents = useAgents();
  const { cancel } = useExecution(record.executionId);
  const [asking, setAsking] = useState(false);
  const [repeating, setRepeating] = useState(false);
  const [continuing, setContinuing] = useState(false);
  const agent = agents.data?.agents.find((known) => known.name === record.agentType);
  const tone = toneOf(record);
  const masked = isMasked(record);

  const again = (ask: boolean) => {
    if (!agent) {
      sayError(new Error(`There is no agent ${record.agentType} any more.`));
      return;
    }
    // A masked secret can't be sent again: it has to be asked for.
    runner.run(agent, { config: record.config ?? {}, ask: ask || masked, go: true }).catch(sayError);
  };
  useKeys({
    x: () => {
      if (!record.terminal && record.status !== "cancelling") setAsking(true);
    },
    r: () => {
      if (record.terminal) setRepeating(true);
    },
    e: () => again(true),
  });
  const words = record.terminal
    ? summaryOf(record)
    : [summaryOf(record), `by ${triggerWords(record)}`, costOf(record)].filter(Boolean).join(" · ");
  return (
    <header className="grid grid-cols-[auto_auto_minmax(0,1fr)_auto] sm:flex items-center gap-x-3.5 gap-y-1.5 px-4 py-2.5 border-b border-line bg-panel">
      <Link
        to="/executions"
        className="grid place-items-center size-7 -ml-2 -mr-2 rounded-md text-ink-3 hover:text-ink hover:bg-hover"
        aria-label="History"
      >
        <ChevronLeft size={18} aria-hidden="true" />
      </Link>
      <StatusBadge status={tone} detail={<Elapsed record={record} />} />
      <h1 className="text-[15px] font-semibold truncate min-w-0 sm:flex-none">{record.agentType}</h1>
      <span className="hidden xl:inline font-mono text-[12.5px] text-ink-3" title={record.executionId}>
        {record.executionId}
      </span>
      <button
        type="button"
        className="lg:hidden sm:order-last grid place-items-center size-9 rounded-md text-ink-2 hover:text-ink hover:bg-hover aria-pressed:text-accent"
        aria-pressed={detailsOpen}
        aria-label="Details"
        onClick={onDetails}
      >
        <PanelRight size={17} strokeWidth={1.8} aria-hidden="true" />
      </button>
      <span className="col-span-full flex items-center gap-2 min-w-0 sm:flex-1">
        <span className="flex-1 min-w-0 truncate text-ink-2" title={words}>
          {words}
        </span>
        {!record.terminal && canNotify && <NotifyButton executionId={record.executionId} />}
        <PinButton record={record} />
        {record.terminal && record.sessionId && (
          <button type="button" className="cops-button" onClick={() => setContinuing(true)}>
            Continue…
          </button>
        )}
        <span className={record.terminal ? "inline-flex" : "hidden sm:inline-flex"}>
          <button
            type="button"
            className="cops-button rounded-r-none!"
            disabled={!agent}
            onClick={() => again(false)}
          >
            Run again
          </button>
          <button
            type="button"
            className="cops-button rounded-l-none! -ml-px px-2! text-ink-3!"
            aria-label="Run again, edited"
            title="Run again, edited"
            disabled={!agent}
            onClick={() => again(true)}
          >
            …
          </button>
        </span>
        <StopButton record={record} onError={sayError} />
      </span>
      <Confirm
        open={asking}
        title={`Stop ${record.agentType}?`}
        action="Stop"
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          cancel().catch(sayError);
        }}
      >
        Everything it has started is ended as well.
      </Confirm>
      <Confirm
        open={repeating}
        title={`Run ${record.agentType} again?`}
        action="Run again"
        keep="Cancel"
        onClose={() => setRepeating(false)}
        onConfirm={() => {
          setRepeating(false);
          again(false);
        }}
      >
        It starts with the parameters of this run.
      </Confirm>
      {continuing && <ContinueDialog record={record} open onClose={() => setContinuing(false)} />}
    </header>
  );
}

/** What is pinned stays, whatever retention says. */
function PinButton({ record }: { record: ExecutionRecord }): ReactNode {
  const { api } = useHub();
  const { refresh } = useExecution(record.executionId);
  const session = useSession();
  const pinned = record.pinned === true;
  const allowed = session.data?.permissions.some((held) => held === "executions:cancel" || held === "admin");
  if (!allowed && !pinned) return null;
  return (
    <button
      type="button"
      className={`cops-button px-2! ${pinned ? "text-accent!" : "text-ink-2!"}`}
      aria-pressed={pinned}
      aria-label="Keep this run"
      title={pinned ? "Pinned: retention leaves it alone" : "Pin it, so that retention leaves it alone"}
      disabled={!allowed}
      onClick={async () => {
        try {
          await (pinned ? api.executions.unpin(record.executionId) : api.executions.pin(record.executionId));
          await refresh();
        } catch (error) {
          sayError(error);
        }
      }}
    >
      <Pin size={16} strokeWidth={1.8} fill={pinned ? "currentColor" : "none"} aria-hidden="true" />
    </button>
  );
}

function NotifyButton({ executionId }: { executionId: string }): ReactNode {
  const wanted = useWatched(executionId);
  const Icon = wanted ? BellRing : Bell;
  return (
    <button
      type="button"
      className={`cops-button px-2! ${wanted ? "text-accent!" : "text-ink-2!"}`}
      aria-pressed={wanted}
      aria-label="Notify me when it ends"
      title={wanted ? "You will be notified when it ends" : "Notify me when it ends"}
      onClick={async () => {
        if (!(await watchEnd(executionId, !wanted)))
          say("The browser does not allow notifications from this page.");
      }}
    >
      <Icon size={16} strokeWidth={1.8} aria-hidden="true" />
    </button>
  );
}
