/**
 * Puts text on the clipboard, also where a page is not served over HTTPS and has no clipboard of its
 * own to write to. Rejects when the browser refuses, as it may some time after the last press.
 */
export async function copyText(text: string, near: HTMLElement | null): Promise<void> {
  const page = near?.ownerDocument ?? document;
  const { clipboard } = page.defaultView?.navigator ?? navigator;
  if (clipboard) {
    try {
      await clipboard.writeText(text);
      return;
    } catch {
      // Refused, as in frames: the other way may still do.
    }
  }
  if (!copyByCommand(text, page)) throw new Error("the browser does not let this page copy");
}

function copyByCommand(text: string, page: Document): boolean {
  const active = page.activeElement as HTMLElement | null;
  const area = page.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.style.position = "fixed";
  area.style.opacity = "0";
  page.body.append(area);
  area.select();
  const done = page.execCommand("copy");
  area.remove();
  active?.focus({ preventScroll: true });
  return done;
}
