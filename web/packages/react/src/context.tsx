"use client";

import type { TokenProvider } from "@claudeops/client";
import { Hub, type HubOptions } from "@claudeops/model";
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { warnOnce } from "./warn.js";

const HubContext = createContext<Hub | null>(null);

export interface ClaudeOpsProviderProps extends HubOptions {
  /** Uses this hub instead of making one: several trees, one connection. */
  readonly hub?: Hub;
  readonly children?: ReactNode;
}

/**
 * Gives everything below it a connection to a ClaudeOps server. Another `url`, token or kind of
 * credential makes a new connection; functions may be new ones each time, the newest is called. The
 * other options count when the connection is made.
 *
 * ```tsx
 * <ClaudeOpsProvider url="https://ops.example.com" credential={{ kind: "cookie" }}>
 *   <App />
 * </ClaudeOpsProvider>
 * ```
 */
export function ClaudeOpsProvider({ hub: given, children, ...options }: ClaudeOpsProviderProps): ReactNode {
  const newest = useRef(options);
  newest.current = options;
  const identity = identityOf(options);
  const [own, setOwn] = useState(() => ({
    identity,
    options,
    hub: given ?? new Hub(lasting(options, newest)),
  }));
  let hub = given ?? own.hub;
  if (!given && own.identity !== identity) {
    hub = new Hub(lasting(options, newest));
    setOwn({ identity, options, hub });
  } else if (!given) warnOfIgnored(own.options, options);
  useEffect(() => hub.retain(), [hub]);
  return <HubContext.Provider value={hub}>{children}</HubContext.Provider>;
}

/** The hub of the nearest provider. */
export function useHub(): Hub {
  const hub = useContext(HubContext);
  if (!hub)
    throw new Error("No ClaudeOpsProvider above this component. Wrap the app in <ClaudeOpsProvider>.");
  return hub;
}

/** What a connection is made for: where to, and as whom. */
function identityOf({ url, credential, pool: _pool }: HubOptions): string {
  const who =
    credential?.kind === "token"
      ? [
          typeof credential.token === "string" ? credential.token : "function",
          credential.upgrade ?? "message",
        ]
      : [];
  return JSON.stringify([String(url ?? ""), credential?.kind ?? "cookie", ...who]);
}

/** Options whose functions call the newest ones: inline functions are new in every render. */
function lasting(options: HubOptions, newest: { readonly current: HubOptions }): HubOptions {
  const { credential } = options;
  if (credential?.kind === "token" && typeof credential.token === "function") {
    const first = credential.token;
    const token: TokenProvider = (request) => {
      const now = newest.current.credential;
      const provider = now?.kind === "token" && typeof now.token === "function" ? now.token : first;
      return provider(request);
    };
    // In a pool providers are told apart by identity, so there it stays the one that was given.
    return options.pool ? options : { ...options, credential: { ...credential, token } };
  }
  return options;
}

const LATE = [
  "transports",
  "reconnect",
  "heartbeat",
  "queue",
  "connectTimeoutMs",
  "requestTimeoutMs",
] as const;

function warnOfIgnored(before: HubOptions, now: HubOptions): void {
  for (const name of LATE) {
    if (JSON.stringify(before[name]) === JSON.stringify(now[name])) continue;
    warnOnce(
      `option ${name}`,
      `the option ${name} of ClaudeOpsProvider has changed, which counts for new connections only; give the provider another key`,
    );
  }
}
