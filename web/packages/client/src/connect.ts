import { Client } from "./client.js";
import type { Connection } from "./connection.js";
import type { ConnectionOptions } from "./options.js";

/** Opens a connection. It returns at once; `ready()` waits for the server's greeting. */
export function connect(options: ConnectionOptions = {}): Connection {
  return new Client(options);
}
