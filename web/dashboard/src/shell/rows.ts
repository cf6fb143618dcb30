/** How long a key waits for rows that are still being loaded. */
const WAIT_MS = 3000;

/** Keys pressed before there were rows. */
interface Waiting {
  direction: 1 | -1;
  open: boolean;
  stop(): void;
}

let waiting: Waiting | null = null;

/** j and k go through the rows of whatever list is on the page; Enter opens the one they stand on. */
export function moveRow(direction: 1 | -1): void {
  const links = rowLinks();
  if (links.length === 0) {
    waitForRows(direction);
    return;
  }
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
  if (waiting) {
    waiting.open = true;
    return;
  }
  const active = document.activeElement;
  if (active instanceof HTMLElement && active.closest("a, button, [tabindex]")) {
    active.click();
  }
}

function rowLinks(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-row] [data-open]")];
}

/** Moves as soon as there are rows: who types ahead of the page means what comes. */
function waitForRows(direction: 1 | -1): void {
  waiting?.stop();
  const observer = new MutationObserver(() => {
    if (rowLinks().length === 0) return;
    const keys = mine;
    mine.stop();
    moveRow(keys.direction);
    if (keys.open) openRow();
  });
  const timer = setTimeout(() => mine.stop(), WAIT_MS);
  const mine: Waiting = {
    direction,
    open: false,
    stop() {
      observer.disconnect();
      clearTimeout(timer);
      if (waiting === mine) waiting = null;
    },
  };
  waiting = mine;
  observer.observe(document.body, { childList: true, subtree: true });
}
