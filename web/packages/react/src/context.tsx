"use client";

import { Hub, type HubOptions } from "@claudeops/model";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

const HubContext = createContext<Hub | null>(null);

export interface ClaudeOpsProviderProps extends HubOptions {
  /** Uses this hub instead of making one: several trees, one connection. */
  readonly hub?: Hub;
  readonly children?: ReactNode;
}

/**
 * Gives everything below it a connection to a ClaudeOps server. The options count when it is first
 * rendered; to connect elsewhere or as somebody else, give it another `key`.
 *
 * ```tsx
 * <ClaudeOpsProvider url="https://ops.example.com" credential={{ kind: "cookie" }}>
 *   <App />
 * </ClaudeOpsProvider>
 * ```
 */
export function ClaudeOpsProvider({ hub: given, children, ...options }: ClaudeOpsProviderProps): ReactNode {
  const [own] = useState(() => given ?? new Hub(options));
  const hub = given ?? own;
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
