// Node's ws: one loop over its sockets.
import { createClient } from "redis";
import { WebSocket, WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 2048 });
const messages = createClient({ url: process.env.REDIS_URL });
await messages.connect();
await messages.subscribe("bench", (text) => {
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(text);
  }
});
