import type { Credential } from "./credential.js";

/** A credential as it holds for a while. */
export interface Grant {
  /** Undefined when the browser's cookie is the credential. */
  readonly token: string | undefined;
}

/**
 * Holds a credential for a connection or for REST calls: asks for a token once, however many want it,
 * and keeps it until the server says that it has expired.
 */
export class Authorization {
  readonly credential: Credential;
  readonly #signal: () => AbortSignal;
  #asked: Promise<Grant> | undefined;
  #held: Grant | undefined;
  #expired = false;

  constructor(credential: Credential | undefined, signal: () => AbortSignal) {
    this.credential = credential ?? { kind: "cookie" };
    this.#signal = signal;
  }

  /** What holds now. Rejects with what the provider rejects with; the next call asks it again. */
  grant(): Promise<Grant> {
    this.#asked ??= this.#ask().then(
      (grant) => {
        this.#expired = false;
        this.#held = grant;
        return grant;
      },
      (reason: unknown) => {
        this.#asked = undefined;
        throw reason;
      },
    );
    return this.#asked;
  }

  /** Says that the server refused this grant. Whether there is a way to another: the next `grant` takes it. */
  refused(grant = this.#held): boolean {
    const { credential } = this;
    const renewable =
      credential.kind === "cookie" ? credential.renew !== undefined : typeof credential.token === "function";
    if (renewable && grant !== undefined && grant === this.#held) {
      this.#asked = this.#held = undefined;
      this.#expired = true;
    }
    return renewable;
  }

  async #ask(): Promise<Grant> {
    const request = { reason: this.#expired ? "expired" : "connect", signal: this.#signal() } as const;
    const { credential } = this;
    if (credential.kind === "cookie") {
      if (this.#expired) await credential.renew?.(request);
      return { token: undefined };
    }
    const token = typeof credential.token === "function" ? await credential.token(request) : credential.token;
    if (typeof token !== "string" || token === "") {
      throw new TypeError("claudeops: the token is empty; `claudeops token` prints the owner's");
    }
    return { token };
  }
}

/** What a fetch with this grant must carry. */
export function fetchInit(grant: Grant): {
  headers: Record<string, string>;
  credentials: RequestCredentials;
} {
  return grant.token === undefined
    ? { headers: {}, credentials: "include" }
    : { headers: { Authorization: `Bearer ${grant.token}` }, credentials: "omit" };
}
