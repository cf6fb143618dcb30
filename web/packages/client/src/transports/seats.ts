/**
 * A browser opens six connections at most to one host over HTTP/1.1, for all its tabs together. A tab
 * that reads a stream holds one for good; a seventh would keep every tab from asking anything.
 */
const seats = 3;

/** The part of the Web Locks API that is used; TypeScript's own needs the DOM library. */
interface Locks {
  request(
    name: string,
    options: { ifAvailable: true },
    held: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/**
 * Takes one of the seats that this browser's tabs share, until `signal` aborts. False when all are
 * taken. Where tabs can't be told apart (outside of browsers, or without Web Locks) there is always one.
 */
export async function takeSeat(base: URL, signal: AbortSignal): Promise<boolean> {
  const locks = (globalThis.navigator as { locks?: Locks } | undefined)?.locks;
  if (locks === undefined) return true;
  for (let seat = 1; seat <= seats; seat++) {
    if (await takeLock(locks, `claudeops ${base.origin} stream ${seat}`, signal)) return true;
  }
  return false;
}

function takeLock(locks: Locks, name: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null || signal.aborted) {
        resolve(lock !== null);
        return undefined;
      }
      resolve(true);
      return new Promise<void>((release) =>
        signal.addEventListener("abort", () => release(), { once: true }),
      );
    });
    // A document that is going away refuses: it needs no seat any more.
    asked.catch(() => resolve(true));
  });
}
