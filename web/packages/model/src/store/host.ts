import type { Api, Connection } from "@claudeops/client";

/** What a store needs of its hub: the connection, opened at the first use, and REST. */
export interface StoreHost {
  readonly connection: Connection;
  readonly api: Api;
}
