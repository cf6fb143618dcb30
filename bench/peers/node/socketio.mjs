import { createServer } from "node:http";
import { Server } from "socket.io";
import { publishAtRate } from "./lines.mjs";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true } });
http.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${http.address().port}`));
publishAtRate((event) => io.emit("event", event));
