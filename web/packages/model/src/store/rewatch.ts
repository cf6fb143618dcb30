import { type ClaudeOpsError, type Connection, ConnectionError, type Subscription } from "@claudeops/client";

/**
 * Keeps a watch going past the point where its connection gave up: when the connection is open again
 * (somebody signed in, pressed "now", or opened it after close()), the watch begins anew. Refusals by the server are passed on.
 */
export function keepWatching(
  connection: Connection,
  begin: (onError: (error: ClaudeOpsError) => void) => Subscription,
  refused: (error: ClaudeOpsError) => void,
): () => void {
  let closed = false;
  let watch: Subscription | null = null;
  let leave: (() => void) | null = null;
  const onError = (error: ClaudeOpsError): void => {
    if (closed) return;
    if (!(error instanceof ConnectionError)) {
      refused(error);
      return;
    }
    leave ??= connection.subscribe(() => {
      if (closed || connection.state.status !== "open") return;
      leave?.();
      leave = null;
      watch = begin(onError);
    });
  };
  watch = begin(onError);
  return () => {
    closed = true;
    leave?.();
    watch?.close();
  };
}
