"use client";

import type { AgentDefinition } from "@claudeops/client";
import {
  type Draft,
  draftOf,
  type Entry,
  errorsOf,
  type Field,
  type FieldErrors,
  fieldsOf,
  isMask,
  own,
  readDraft,
  shownOf,
} from "@claudeops/model";
import { type FormEvent, type ReactNode, useId, useMemo, useRef, useState } from "react";

export interface AgentFormProps {
  readonly agent: Pick<AgentDefinition, "name" | "parameters">;
  /** Parameters to begin with, e.g. those of an earlier run. */
  readonly initial?: Readonly<Record<string, unknown>> | undefined;
  /** Called with parameters that pass the schema as far as the page can tell; may reject with the server's refusal. */
  onSubmit(config: Record<string, unknown>): unknown;
  onCancel?(): void;
  /** Default `Run`. */
  readonly submitLabel?: string;
  readonly className?: string;
}

/** A form out of an agent's JSON Schema: types, choices, defaults, what is needed, secrets hidden. */
export function AgentForm({
  agent,
  initial,
  onSubmit,
  onCancel,
  submitLabel = "Run",
  className,
}: AgentFormProps): ReactNode {
  const fields = useMemo(() => fieldsOf(agent.parameters), [agent.parameters]);
  const [draft, setDraft] = useState<Draft>(() => draftOf(fields, initial));
  const [errors, setErrors] = useState<FieldErrors>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [sending, setSending] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const refuse = (found: FieldErrors) => {
    setErrors(found);
    const first = fields.find((field) => Object.hasOwn(found, field.name));
    if (first) form.current?.querySelector<HTMLElement>(`[name="${CSS.escape(first.name)}"]`)?.focus();
  };
  const change = (name: string, value: Entry | undefined) => {
    setDraft((before) => withEntry(before, name, value));
    setErrors((before) => withEntry(before, name, undefined));
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFailure(null);
    const { config, errors: found } = readDraft(fields, draft);
    refuse(found);
    if (Object.keys(found).length > 0) return;
    setSending(true);
    try {
      await onSubmit(config);
    } catch (error) {
      const named = errorsOf(error);
      refuse(named);
      const placed = Object.keys(named).filter((name) => fields.some((field) => field.name === name));
      if (placed.length === 0 || placed.length < Object.keys(named).length)
        setFailure(error instanceof Error ? error.message : String(error));
    } finally {
      setSending(false);
    }
  };
  return (
    <form ref={form} className={`cops-form${className ? ` ${className}` : ""}`} onSubmit={submit} noValidate>
      {fields.length === 0 && <p className="cops-dim">This agent takes no parameters.</p>}
      {fields.map((field) => (
        <FormField
          key={field.name}
          field={field}
          value={shownOf(field, draft)}
          set={Object.hasOwn(draft, field.name)}
          hidden={isMask(field, own(initial ?? {}, field.name))}
          error={own(errors, field.name)}
          onChange={(value) => change(field.name, value)}
        />
      ))}
      {failure && (
        <p className="cops-error" role="alert">
          {failure}
        </p>
      )}
      <div className="cops-form-actions">
        {onCancel && (
          <button type="button" className="cops-button" onClick={onCancel}>
            Cancel
          </button>
        )}
        <button type="submit" className="cops-button cops-primary" disabled={sending}>
          {sending ? "Starting…" : submitLabel}
        </button>
      </div>
    </form>
  );
}

/** A record with one entry set, or taken out; names may be anything. */
function withEntry<T>(
  record: Readonly<Record<string, T>>,
  name: string,
  value: T | undefined,
): Record<string, T> {
  const others = Object.entries(record).filter(([key]) => key !== name);
  return Object.fromEntries(value === undefined ? others : [...others, [name, value]]);
}

interface FormFieldProps {
  readonly field: Field;
  readonly value: string | boolean;
  /** Whether something was entered, if only the empty text. */
  readonly set: boolean;
  /** Whether an earlier run had a secret here, which nobody is shown again. */
  readonly hidden: boolean;
  readonly error: string | undefined;
  onChange(value: Entry | undefined): void;
}

function FormField({ field, value, set, hidden, error, onChange }: FormFieldProps): ReactNode {
  const id = useId();
  const described = [field.description ? `${id}-about` : "", error ? `${id}-error` : ""]
    .filter(Boolean)
    .join(" ");
  const common = {
    id,
    name: field.name,
    "aria-required": field.required || undefined,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": described || undefined,
  } as const;
  const unset = set && !field.required && (
    <button
      type="button"
      className="cops-unset"
      aria-describedby={`${id}-label`}
      title={field.fallback === undefined ? "Leave this out" : "Use the default"}
      onClick={() => onChange(undefined)}
    >
      Not set
    </button>
  );
  const about = field.description && (
    <span id={`${id}-about`} className="cops-about">
      {field.description}
    </span>
  );
  const wrong = error && (
    <span id={`${id}-error`} className="cops-error" role="alert">
      {error}
    </span>
  );
  if (field.kind === "flag") {
    return (
      <div className="cops-field" data-kind="flag">
        <label className="cops-flag" id={`${id}-label`} htmlFor={id}>
          <input
            {...common}
            type="checkbox"
            checked={value === true}
            onChange={(event) => onChange(event.target.checked)}
          />
          {field.title}
          {!set && !field.required && field.fallback === undefined && (
            <span className="cops-optional"> not set</span>
          )}
        </label>
        {unset}
        {about}
        {wrong}
      </div>
    );
  }
  return (
    <div className="cops-field">
      <label id={`${id}-label`} htmlFor={id}>
        {field.title}
        {!field.required && <span className="cops-optional"> optional</span>}
      </label>
      {unset}
      {input(
        hidden && !set ? { ...field, placeholder: "Enter it again" } : field,
        common,
        String(value),
        onChange,
      )}
      {about}
      {wrong}
    </div>
  );
}

/** What an emptied number stands for: its default. */
function placeholderOf(field: Field): string | undefined {
  const number = field.kind === "number" || field.kind === "integer";
  return number && field.fallback !== undefined ? String(field.fallback) : undefined;
}

function input(
  field: Field,
  common: Record<string, unknown>,
  value: string,
  onChange: (value: string) => void,
): ReactNode {
  const plain = {
    autoComplete: "off",
    autoCapitalize: "off",
    spellCheck: false,
    placeholder: field.placeholder || placeholderOf(field),
  } as const;
  switch (field.kind) {
    case "choice":
      return (
        <select {...common} value={value} onChange={(event) => onChange(event.target.value)}>
          {value === "" && <option value="">{field.required ? "Choose…" : "–"}</option>}
          {field.choices.map((choice, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a choice is its place, two may read alike
            <option key={index} value={String(index)}>
              {choice.label}
            </option>
          ))}
        </select>
      );
    case "lines":
    case "list":
    case "json":
      return (
        <textarea
          {...common}
          {...plain}
          rows={field.kind === "list" ? 3 : 5}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          placeholder={
            field.kind === "list" ? field.placeholder || "One a line" : field.placeholder || undefined
          }
        />
      );
    case "integer":
    case "number":
      return (
        <input
          {...common}
          {...plain}
          type="text"
          inputMode={field.kind === "integer" && (field.minimum ?? -1) >= 0 ? "numeric" : "decimal"}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    case "secret":
      return (
        <input
          {...common}
          {...plain}
          type="password"
          autoComplete="new-password"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    default:
      return (
        <input
          {...common}
          {...plain}
          type="text"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}
