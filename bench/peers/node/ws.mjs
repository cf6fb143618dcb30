// The usual broadcast: encode and send for each subscriber.
import { WebSocketServer } from "ws";
import { publishAtRate } from "./lines.mjs";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true } });
server.on("listening", () => console.log(`127.0.0.1:${server.address().port}`));
publishAtRate((event) => {
  for (const client of server.clients) {
    if (client.readyState === 1) client.send(JSON.stringify(event));
  }
});
