/**
 * Calls a user's handler. What it throws is the page's to report, like an error in any event
 * listener: it must not keep others from being called.
 */
export function call(handler: () => void): void {
  try {
    handler();
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else
      queueMicrotask(() => {
        throw error;
      });
  }
}
