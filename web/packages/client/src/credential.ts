/** Why a token is asked for. */
export interface TokenRequest {
  /**
   * `"connect"`: the first time. `"expired"`: the server refused the last one as expired or revoked;
   * the same one again will not do.
   */
  readonly reason: "connect" | "expired";
  /** Aborted when the connection is closed meanwhile. */
  readonly signal: AbortSignal;
}

/** Gives a token, fresh when asked because of `"expired"`. */
export type TokenProvider = (request: TokenRequest) => string | Promise<string>;

/** The browser sends its cookie; nothing secret passes through script. */
export interface CookieCredential {
  readonly kind: "cookie";
  /**
   * Called when the server says that the cookie's session has expired or was revoked. Renew it
   * (e.g. through one's own backend) and resolve to try again; reject to give up.
   */
  readonly renew?: (request: TokenRequest) => void | Promise<void>;
}

/** A bearer token: the owner's or a JWT. It never appears in a URL. */
export interface TokenCredential {
  readonly kind: "token";
  readonly token: string | TokenProvider;
  /**
   * How it reaches a WebSocket, whose upgrade can't carry a header in browsers: as the first message
   * (`"message"`, the default) or changed for a one-time ticket in the upgrade's URL (`"ticket"`, for
   * proxies that want to see a credential on the upgrade).
   */
  readonly upgrade?: "message" | "ticket";
}

/** Who the caller is. */
export type Credential = CookieCredential | TokenCredential;
