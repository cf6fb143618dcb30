"use client";

import {
  createContext,
  type KeyboardEvent,
  type ReactNode,
  useContext,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { comesFrom, documentOf, rootOf } from "../surroundings.js";

const CloseMenu = createContext<() => void>(() => {});

/** A small menu under a button: arrow keys, Escape, and it closes when one presses elsewhere. */
export function Menu({
  label,
  button,
  children,
}: {
  readonly label: string;
  readonly button: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    list.current?.querySelector<HTMLElement>("[role^=menuitem]:not([aria-disabled=true])")?.focus();
    const away = (event: PointerEvent) => {
      if (!comesFrom(event, root.current)) setOpen(false);
    };
    const page = documentOf(root.current);
    page.addEventListener("pointerdown", away);
    return () => page.removeEventListener("pointerdown", away);
  }, [open]);

  const close = () => {
    setOpen(false);
    root.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const items = [
      ...(list.current?.querySelectorAll<HTMLElement>("[role^=menuitem]:not([aria-disabled=true])") ?? []),
    ];
    const at = items.indexOf(rootOf(root.current).activeElement as HTMLElement);
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
    else if (event.key === "Home") items[0]?.focus();
    else if (event.key === "End") items.at(-1)?.focus();
    else if (event.key === "Tab") setOpen(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the menu inside pass through here
    <span ref={root} className="cops-menu-root" onKeyDown={onKeyDown}>
      <button
        type="button"
        className="cops-tool"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div ref={list} id={id} className="cops-menu" role="menu" aria-label={label}>
          <CloseMenu.Provider value={close}>{children}</CloseMenu.Provider>
        </div>
      )}
    </span>
  );
}

export interface MenuItemProps {
  readonly onSelect?: (() => void) | undefined;
  readonly href?: string | undefined;
  readonly download?: string;
  readonly checked?: boolean;
  readonly disabled?: boolean;
  readonly keys?: string;
  readonly children: ReactNode;
}

export function MenuItem({
  onSelect,
  href,
  download,
  checked,
  disabled,
  keys,
  children,
}: MenuItemProps): ReactNode {
  const close = useContext(CloseMenu);
  const inside = (
    <>
      <span className="cops-menu-check" aria-hidden="true">
        {checked ? "✓" : ""}
      </span>
      <span>{children}</span>
      {keys && <kbd>{keys}</kbd>}
    </>
  );
  if (href !== undefined) {
    return (
      <a role="menuitem" tabIndex={-1} href={href} download={download} onClick={close}>
        {inside}
      </a>
    );
  }
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: a menuitemcheckbox has aria-checked
    <button
      type="button"
      role={checked === undefined ? "menuitem" : "menuitemcheckbox"}
      aria-checked={checked}
      aria-disabled={disabled || undefined}
      tabIndex={-1}
      onClick={() => {
        if (disabled) return;
        close();
        onSelect?.();
      }}
    >
      {inside}
    </button>
  );
}

export function MenuLine(): ReactNode {
  return <hr className="cops-menu-line" />;
}
