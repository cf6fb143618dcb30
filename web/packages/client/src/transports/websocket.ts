import { webSocketAddress } from "../address.js";
import { fetchInit, type Grant } from "../authorization.js";
import { isObject } from "../frame.js";
import { closeFailure, failure, httpFailure, isOwn, problem, refusalOf } from "../problems.js";
import { closeCodes } from "../protocol.gen.js";
import type { Outgoing } from "../queue.js";
import type { WebSocketLike } from "../socket.js";
import {
  checkCredential,
  grantFailure,
  messageOf,
  type OpenTransport,
  type TransportContext,
} from "./transport.js";

/** Bytes the browser may hold that the network has not taken. */
const maxBuffered = 256 * 1024;

const open = 1; // WebSocket.OPEN

/** The best way: both directions over one connection. */
export const openWebSocket: OpenTransport = (context, handlers) => {
  let socket: WebSocketLike | undefined;
  let grant: Grant | undefined;
  let done = false;

  const fail = (why: Parameters<typeof handlers.closed>[0]) => {
    if (done) return;
    done = true;
    handlers.closed(checkCredential(why, context.authorization, grant));
  };

  const connect = async () => {
    try {
      grant = await context.authorization.grant();
    } catch (reason) {
      fail(grantFailure(reason));
      return;
    }
    const { WebSocket } = context;
    if (WebSocket === undefined) {
      fail(failure(problem("network", "there is no WebSocket here; give one with the option WebSocket")));
      return;
    }
    const { credential } = context.authorization;
    const byTicket = credential.kind === "token" && credential.upgrade === "ticket";
    let query: URLSearchParams | undefined;
    if (byTicket && !done) {
      const ticket = await ticketFor(context, grant);
      if (typeof ticket !== "string") {
        fail(ticket);
        return;
      }
      query = new URLSearchParams({ ticket });
    }
    if (done) return;
    const made = new WebSocket(webSocketAddress(context.base, "api/ws", query));
    socket = made;
    made.addEventListener("open", () => {
      if (grant?.token !== undefined && !byTicket && !done) {
        made.send(JSON.stringify({ type: "auth", token: grant.token }));
      }
    });
    made.addEventListener("message", ({ data }) => {
      if (done) return;
      if (typeof data === "string") {
        handlers.frame(data);
      } else {
        made.close();
        fail(closeFailure(closeCodes.binary, "the server sent something that is not text"));
      }
    });
    made.addEventListener("error", () => {}); // its close event follows and says as much
    made.addEventListener("close", ({ code, reason }) => fail(closeFailure(code, reason)));
  };
  connect().catch((reason: unknown) => fail(failure(problem("network", messageOf(reason)))));

  return {
    name: "websocket",
    get writable() {
      return socket !== undefined && socket.readyState === open && socket.bufferedAmount < maxBuffered;
    },
    send(items: readonly Outgoing[]) {
      socket?.send(items.map(({ line }) => line).join("\n"));
    },
    greeted() {},
    retire() {
      this.close();
    },
    close() {
      done = true;
      socket?.close(closeCodes.normal);
    },
  };
};

/** Changes a token for a ticket, which may stand in an address because it works once and not for long. */
async function ticketFor(
  context: TransportContext,
  grant: Grant,
): Promise<string | ReturnType<typeof failure>> {
  try {
    const answer = await context.fetch(new URL("api/tickets", context.base).href, {
      method: "POST",
      ...fetchInit(grant),
    });
    if (!answer.ok) return httpFailure(answer.status, await refusalOf(answer), isOwn(answer));
    const body: unknown = await answer.json();
    if (isObject(body) && typeof body.ticket === "string") return body.ticket;
    return failure(problem("protocol", "the server gave no ticket", { recoverable: false }));
  } catch (reason) {
    return failure(problem("network", messageOf(reason)), { unreachable: true });
  }
}
