/** j and k go through the rows of whatever list is on the page; Enter opens the one they stand on. */
export function moveRow(direction: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-row] [data-open]")];
  if (links.length === 0) return;
  const at = links.findIndex((link) => link.closest("[data-row]")?.contains(document.activeElement));
  const next =
    links[
      at === -1
        ? direction === 1
          ? 0
          : links.length - 1
        : Math.min(links.length - 1, Math.max(0, at + direction))
    ];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function openRow(): void {
  const active = document.activeElement;
  if (active instanceof HTMLElement && active.closest("a, button, [tabindex]")) {
    active.click();
  }
}
