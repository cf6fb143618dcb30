/** The document an element is in: another than the page's where it is drawn into a frame. */
export function documentOf(element: Element | null): Document {
  return element?.ownerDocument ?? document;
}

/** What knows the focus and the selection around an element: its shadow root, or its document. */
export function rootOf(element: Element | null): Document | ShadowRoot {
  const root = element?.getRootNode();
  return root && "activeElement" in root ? (root as Document | ShadowRoot) : documentOf(element);
}

/** The window an element is shown in. */
export function windowOf(element: Element | null): Window {
  return documentOf(element).defaultView ?? window;
}

/** Whether an event comes from within an element, also through shadow roots. */
export function comesFrom(event: Event, element: Element | null): boolean {
  return element !== null && event.composedPath().includes(element);
}
