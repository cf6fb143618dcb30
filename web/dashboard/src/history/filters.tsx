import { type ReactNode, useEffect, useRef, useState } from "react";
import { useAgents } from "../lib/queries.ts";
import { type HistoryChange, type HistorySearch, isDay, LEVELS, SPANS, STATES } from "./address.ts";

export interface FiltersProps {
  readonly search: HistorySearch;
  onChange(change: HistoryChange): void;
  /** At the end of the row. */
  readonly children?: ReactNode;
}

/** What History looks for, and where. */
export function Filters({ search, onChange, children }: FiltersProps): ReactNode {
  const agents = useAgents();
  const inLines = search.in === "lines";
  return (
    // biome-ignore lint/a11y/useSemanticElements: a form searches here
    <form
      role="search"
      className="grid grid-cols-2 sm:flex sm:flex-wrap gap-2"
      onSubmit={(event) => event.preventDefault()}
    >
      <fieldset className="segmented col-span-2" aria-label="Look in">
        <button
          type="button"
          aria-pressed={!inLines}
          onClick={() => onChange({ in: undefined, level: undefined, regex: undefined, case: undefined })}
        >
          Runs
        </button>
        <button type="button" aria-pressed={inLines} onClick={() => onChange({ in: "lines" })}>
          Lines
        </button>
      </fieldset>
      <SearchBox
        key={inLines ? "lines" : "runs"}
        inLines={inLines}
        value={search.q ?? ""}
        onChange={(q) => onChange({ q })}
      >
        {inLines && (
          <>
            <Toggle
              sign="Aa"
              name="Match case"
              on={search.case === true}
              onChange={(on) => onChange({ case: on || undefined })}
            />
            <Toggle
              sign=".*"
              name="Regular expression"
              on={search.regex === true}
              onChange={(on) => onChange({ regex: on || undefined })}
            />
          </>
        )}
      </SearchBox>
      {inLines && (
        <Pick
          label="Level"
          value={search.level ?? ""}
          onChange={(level) => onChange({ level })}
          options={LEVELS}
          all="All levels"
        />
      )}
      <Pick
        label="State"
        value={search.status ?? ""}
        onChange={(status) => onChange({ status })}
        options={STATES.map((status) => [status, status])}
        all="All states"
      />
      <Pick
        label="Agent"
        value={search.agent ?? ""}
        onChange={(agent) => onChange({ agent })}
        options={withChosen(
          (agents.data?.agents ?? []).map((agent) => [agent.name, agent.name]),
          search.agent,
        )}
        all="All agents"
      />
      <TimePick search={search} onChange={onChange} />
      {children}
    </form>
  );
}

/** An agent that is gone is still one that has run. */
function withChosen(
  options: readonly (readonly [string, string])[],
  chosen: string | undefined,
): readonly (readonly [string, string])[] {
  return !chosen || options.some(([value]) => value === chosen) ? options : [...options, [chosen, chosen]];
}

/** The last hours or days, or two days and all between them. */
function TimePick({ search, onChange }: Pick<FiltersProps, "search" | "onChange">): ReactNode {
  const dated = isDay(search.since) || search.until !== undefined;
  const [asked, setAsked] = useState(false);
  const dates = dated || asked;
  return (
    <>
      <Pick
        label="Time"
        value={dates ? "dates" : (search.since ?? "")}
        onChange={(value) => {
          setAsked(value === "dates");
          if (value !== "dates") onChange({ since: value, until: undefined });
          else if (!dated) onChange({ since: undefined });
        }}
        options={[...SPANS.map(([key, name]) => [key, name] as const), ["dates", "Between dates…"]]}
        all="Any time"
      />
      {dates && (
        <span className="flex items-center gap-1.5 col-span-2">
          <input
            type="date"
            className="text-input"
            aria-label="From day"
            max={search.until}
            value={isDay(search.since) ? search.since : ""}
            onChange={(event) => onChange({ since: event.target.value })}
          />
          <span className="text-ink-3">to</span>
          <input
            type="date"
            className="text-input"
            aria-label="To day"
            min={isDay(search.since) ? search.since : undefined}
            value={search.until ?? ""}
            onChange={(event) => onChange({ until: event.target.value })}
          />
        </span>
      )}
    </>
  );
}

/** Typing pauses before the address changes. */
function SearchBox({
  value,
  inLines,
  onChange,
  children,
}: {
  value: string;
  inLines: boolean;
  onChange(value: string): void;
  children?: ReactNode;
}): ReactNode {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <span className="text-input flex items-center gap-1 pr-1! col-span-2 sm:w-[280px] focus-within:outline-2 focus-within:outline-accent">
      <input
        type="search"
        className="flex-1 min-w-0 bg-transparent outline-0! placeholder:text-ink-3"
        placeholder={inLines ? "Find in every line of every run…" : "Id, agent, error, parameters…"}
        aria-label={inLines ? "Find in every log" : "Search runs"}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onChange(event.target.value), inLines ? 350 : 250);
        }}
      />
      {children}
    </span>
  );
}

function Toggle(props: { sign: string; name: string; on: boolean; onChange(on: boolean): void }): ReactNode {
  return (
    <button
      type="button"
      className="cops-mini"
      aria-pressed={props.on}
      aria-label={props.name}
      title={props.name}
      onClick={() => props.onChange(!props.on)}
    >
      {props.sign}
    </button>
  );
}

function Pick(props: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  all: string;
  onChange(value: string): void;
}): ReactNode {
  return (
    <select
      className="text-input pr-6!"
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value)}
    >
      <option value="">{props.all}</option>
      {props.options.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
}
