import { type Incoming, parseFrame } from "./frame.js";
import type { TransportName } from "./options.js";
import { closeFailure, type Failure, failure, httpFailure, problem } from "./problems.js";
import { type ConnectionMessage, closeCodes, protocolVersion } from "./protocol.gen.js";
import { refusal } from "./requests.js";
import { openLongPoll } from "./transports/poll.js";
import { openServerSentEvents } from "./transports/sse.js";
import type { OpenTransport, Transport, TransportContext } from "./transports/transport.js";
import { openWebSocket } from "./transports/websocket.js";

const transports: Readonly<Record<TransportName, OpenTransport>> = {
  websocket: openWebSocket,
  sse: openServerSentEvents,
  poll: openLongPoll,
};

/** A transport on which the server has greeted. */
export interface Link {
  readonly transport: Transport;
  readonly greeting: ConnectionMessage;
}

/** What comes of dialling, and then over the link. `messages` and `down` tell of the link that is up. */
export interface DialHandlers {
  trying(name: TransportName): void;
  up(link: Link): void;
  messages(link: Link, messages: readonly Incoming[]): void;
  /** A sign of life that is no message. */
  alive(link: Link): void;
  /** The link was lost; or, without one, none of the transports could be had. */
  down(why: Failure, link?: Link): void;
}

/** Tries transports in order until the server greets on one. Returns the function that gives up. */
export function dial(
  order: readonly TransportName[],
  context: TransportContext,
  timeoutMs: number,
  handlers: DialHandlers,
): () => void {
  let givenUp = false;
  let current: Transport | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const tryNext = (index: number, before?: Failure) => {
    const name = order[index];
    if (name === undefined) {
      handlers.down(
        before ?? failure(problem("network", "there is no transport to try", { recoverable: false })),
      );
      return;
    }
    let link: Link | undefined;
    let over = false;
    handlers.trying(name);

    const failed = (why: Failure) => {
      clearTimeout(timer);
      if (over || givenUp) return;
      over = true;
      if (why.final || why.unreachable) handlers.down(why);
      // A transport that does not exist here has nothing to tell.
      else tryNext(index + 1, why);
    };
    const greeted = (message: ConnectionMessage) => {
      clearTimeout(timer);
      if (message.protocol !== protocolVersion) {
        transport.close();
        const text = `the server speaks version ${message.protocol} of the protocol, and this client version ${protocolVersion}; use a client of the server's version`;
        failed(failure(problem("protocol", text, { recoverable: false }), { final: true }));
        return;
      }
      link = { transport, greeting: message };
      transport.greeted(message);
      handlers.up(link);
    };

    timer = setTimeout(() => {
      transport.close();
      failed(failure(problem("network", `the server did not greet within ${timeoutMs} ms over ${name}`)));
    }, timeoutMs);
    const transport = transports[name](context, {
      frame(text) {
        if (over) return;
        const messages = parseFrame(text);
        if (link === undefined) {
          const [first] = messages;
          if (first?.type === "connection") {
            greeted(first);
          } else if (first?.type === "error") {
            transport.close();
            failed(spokenFailure(refusal(first)));
          }
        }
        if (link !== undefined && !over) handlers.messages(link, messages);
      },
      alive() {
        if (link !== undefined) handlers.alive(link);
      },
      closed(why) {
        if (link === undefined) {
          failed(why);
        } else if (!over) {
          over = true;
          handlers.down(why, link);
        }
      },
    });
    current = transport;
  };
  tryNext(0);

  return () => {
    givenUp = true;
    clearTimeout(timer);
    current?.close();
  };
}

/** What it means for a connection that the server says an error to nobody in particular. */
export function spokenFailure(refused: ReturnType<typeof refusal>): Failure {
  if (refused.code === "unauthenticated") return closeFailure(closeCodes.credential, refused.message);
  return httpFailure(refused.retryable ? 503 : 400, refused);
}
