"use client";

import type { AgentDefinition } from "@claudeops/client";
import {
  type Draft,
  draftOf,
  errorsOf,
  type Field,
  type FieldErrors,
  fieldsOf,
  readDraft,
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
    const first = fields.find((field) => field.name in found);
    if (first) form.current?.querySelector<HTMLElement>(`[name="${CSS.escape(first.name)}"]`)?.focus();
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
      const known = fields.some((field) => field.name in named);
      if (!known) setFailure(error instanceof Error ? error.message : String(error));
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
          value={draft[field.name] ?? ""}
          error={errors[field.name]}
          onChange={(value) => {
            setDraft((before) => ({ ...before, [field.name]: value }));
            if (field.name in errors) setErrors(({ [field.name]: _gone, ...rest }) => rest);
          }}
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

interface FormFieldProps {
  readonly field: Field;
  readonly value: string | boolean;
  readonly error: string | undefined;
  onChange(value: string | boolean): void;
}

function FormField({ field, value, error, onChange }: FormFieldProps): ReactNode {
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
        <label className="cops-flag" htmlFor={id}>
          <input
            {...common}
            type="checkbox"
            checked={value === true}
            onChange={(event) => onChange(event.target.checked)}
          />
          {field.title}
        </label>
        {about}
        {wrong}
      </div>
    );
  }
  return (
    <div className="cops-field">
      <label htmlFor={id}>
        {field.title}
        {!field.required && <span className="cops-optional"> optional</span>}
      </label>
      {input(field, common, String(value), onChange)}
      {about}
      {wrong}
    </div>
  );
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
    placeholder: field.placeholder || undefined,
  } as const;
  switch (field.kind) {
    case "choice":
      return (
        <select {...common} value={value} onChange={(event) => onChange(event.target.value)}>
          {(!field.required || value === "") && <option value="">{field.required ? "Choose…" : "–"}</option>}
          {field.choices.map((choice, index) => (
            <option key={choice.label} value={String(index)}>
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
