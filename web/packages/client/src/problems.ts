import { type ConnectionErrorType, type ConnectionProblem, RequestError } from "./errors.js";
import { isObject } from "./frame.js";
import { closeCodes } from "./protocol.gen.js";

/** Why a transport could not be had, or was lost. */
export interface Failure {
  readonly problem: ConnectionProblem;
  /** Another transport can't help: the server itself has spoken. */
  readonly final: boolean;
  /** The least time to wait before the next try. */
  readonly retryAfterMs: number;
  /** The host answered nothing at all, so no transport can work. */
  readonly unreachable: boolean;
}

/** One problem, as of now. */
export function problem(
  type: ConnectionErrorType,
  message: string,
  more: { recoverable?: boolean; closeCode?: number; httpStatus?: number } = {},
): ConnectionProblem {
  const { recoverable = true, ...codes } = more;
  return { type, message, recoverable, at: Date.now(), ...codes };
}

export function failure(
  what: ConnectionProblem,
  more: { final?: boolean; retryAfterMs?: number; unreachable?: boolean } = {},
): Failure {
  return { problem: what, final: false, retryAfterMs: 0, unreachable: false, ...more };
}

/** What is wrong when the browser says that there is no network. */
export function offline(): ConnectionProblem {
  return problem("offline", "this device is offline; it reconnects when the network is back");
}

/** Whether the browser says so now. */
export function isOffline(): boolean {
  return typeof navigator !== "undefined" && navigator.onLine === false;
}

/** What a close code means. The server's own reason is kept where it gave one. */
export function closeFailure(code: number, reason: string): Failure {
  const say = (type: ConnectionErrorType, otherwise: string, recoverable: boolean) =>
    problem(type, reason || otherwise, { recoverable, closeCode: code });
  switch (code) {
    case closeCodes.normal:
    case closeCodes.goingAway:
    case closeCodes.restart:
      return failure(say("restart", "the server is going away", true), { final: true });
    case closeCodes.protocol:
    case closeCodes.binary:
    case closeCodes.invalidUTF8:
    case closeCodes.tooLarge:
      return failure(say("protocol", `the server refused what was sent (${code})`, false), { final: true });
    case closeCodes.policy:
      return failure(say("unauthenticated", "the server does not accept the credential", false), {
        final: true,
      });
    case closeCodes.credential:
      return failure(say("expired", "the credential has expired or was revoked", true), { final: true });
    case closeCodes.heartbeat:
      return failure(say("heartbeat", "the connection went silent", true));
    case closeCodes.rateLimited:
      return failure(say("rate_limited", "too many messages", true), {
        final: true,
        retryAfterMs: Number(/retryAfterMs\D{0,3}(\d{1,9})/.exec(reason)?.[1] ?? 5000),
      });
    case closeCodes.serverError:
    case 1013: // try again later
      return failure(say("server", "the server failed", true));
    default:
      return code >= 4000
        ? failure(say("server", `the server closed the connection (${code})`, true))
        : failure(say("network", "the connection was lost", true));
  }
}

/**
 * What a refused HTTP request means for a connection. `own`: the server itself has refused it, and not
 * something in between, which may let another transport through.
 */
export function httpFailure(status: number, refusal: RequestError, own = true): Failure {
  const say = (type: ConnectionErrorType, recoverable: boolean) =>
    problem(type, refusal.message, { recoverable, httpStatus: status });
  if (status === 401) return failure(say("expired", true), { final: true });
  if (status === 403 && !own) return failure(say("network", true));
  if (status === 403 && refusal.code === "forbidden") {
    return failure(say("unauthenticated", false), { final: true });
  }
  if (status === 429) {
    return failure(say("rate_limited", true), { final: true, retryAfterMs: refusal.retryAfterMs ?? 5000 });
  }
  if (status >= 500) return failure(say("server", true), { retryAfterMs: refusal.retryAfterMs ?? 0 });
  return failure(say("protocol", false));
}

/** Whether an answer is a refusal by the server itself: a problem document, which proxies do not send. */
export function isOwn(answer: Response): boolean {
  return answer.headers.get("Content-Type")?.startsWith("application/problem+json") ?? false;
}

/**
 * What is said when a web page came instead of an answer: the address is another server's, or something
 * in between wants a sign-in. Undefined for anything else.
 */
export function webPage(answer: Response, address: string): string | undefined {
  if (!answer.headers.get("Content-Type")?.toLowerCase().startsWith("text/html")) return undefined;
  const { origin, pathname } = new URL(answer.url || address);
  const status = answer.ok ? "" : ` (${answer.status})`;
  return `${origin}${pathname} answered with a web page${status}, not as a ClaudeOps server does: check the url and its base path, or sign in to what stands in front of it`;
}

/** Reads what a server answered to a request it refused: a problem document, or whatever a proxy says. */
export async function refusalOf(answer: Response, address = answer.url): Promise<RequestError> {
  let document: unknown;
  try {
    document = await answer.json();
  } catch {
    document = undefined; // not one of the server's own answers
  }
  const fields = isObject(document) ? document : {};
  const { code, detail, title, retryable, retryAfterMs, details } = fields;
  const seconds = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  const wait = typeof retryAfterMs === "number" ? retryAfterMs : seconds * 1000;
  // What a proxy says for a server that is away is a page too, but then its status says more.
  const page = answer.status < 500 && address !== "" ? webPage(answer, address) : undefined;
  const said = page ?? (typeof detail === "string" && detail ? detail : title);
  return new RequestError(
    typeof code === "string" ? code : codeOfStatus(answer.status),
    typeof said === "string" && said
      ? said
      : `the server answered ${answer.status} ${answer.statusText}`.trim(),
    {
      retryable: typeof retryable === "boolean" ? retryable : answer.status === 429 || answer.status >= 500,
      ...(Number.isFinite(wait) ? { retryAfterMs: wait } : {}),
      details,
      httpStatus: answer.status,
    },
  );
}

function codeOfStatus(status: number): string {
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 409:
      return "conflict";
    case 413:
      return "too_large";
    case 429:
      return "rate_limited";
    default:
      return status >= 500 ? "unavailable" : "bad_request";
  }
}
