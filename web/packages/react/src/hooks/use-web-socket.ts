"use client";

import type { AckMessage, Connection, RequestMessage, RequestOptions } from "@claudeops/client";
import { useCallback } from "react";
import { useHub } from "../context.js";
import { type UseConnection, useConnection } from "./use-connection.js";

export interface UseWebSocket {
  readonly state: UseConnection;
  /** Sends any message of the protocol; resolves with its answer. */
  send(message: RequestMessage, options?: RequestOptions): Promise<AckMessage>;
  /** The connection itself. Opens it; call it in effects and handlers, not while rendering on a server. */
  connection(): Connection;
}

/** The low-level one: the connection as it is, whichever transport carries it. */
export function useWebSocket(): UseWebSocket {
  const hub = useHub();
  const state = useConnection();
  const send = useCallback(
    (message: RequestMessage, options?: RequestOptions) => hub.connection.request(message, options),
    [hub],
  );
  const connection = useCallback(() => hub.connection, [hub]);
  return { state, send, connection };
}
