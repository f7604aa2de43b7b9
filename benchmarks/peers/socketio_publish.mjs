// Another process's half of socket.io: writes each line it reads to all sockets.
import { createInterface } from "node:readline";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";

// As publish.py makes them.
function message(size) {
  const sent = process.hrtime.bigint().toString().padStart(18, "0");
  const head = { sent, pad: "" };
  return { ...head, pad: "x".repeat(size - JSON.stringify(head).length) };
}

const client = createClient({ url: process.env.REDIS_URL });
await client.connect();
const emitter = new Emitter(client);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [, count, size] = line.split(" ");
  for (let i = 0; i < Number(count); i++) emitter.emit("message", message(Number(size)));
}
await client.close();
