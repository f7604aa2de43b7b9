// node run.mjs MODULE SCENARIO PORT PID LINK [plug-in]: runs one scenario against the server of that
// process, reached through the link of that port. What is to happen to the link is printed.

import { createRequire } from "node:module";

import Echo from "laravel-echo";
import Pusher from "pusher-js";

import { disconnectAll, makeWorld } from "./world.mjs";

const [module, scenario, port, pid, linkPort, plugIn] = process.argv.slice(2);
const restart = () => process.kill(Number(pid), "SIGHUP");
const link = {
  port: Number(linkPort),
  cut: () => console.log("cut"),
  restore: () => console.log("restore"),
};

async function publish(channel, body, socketId) {
  const headers = { "Content-Type": "application/json" };
  if (socketId) headers["X-Socket-ID"] = socketId;
  const url = `http://127.0.0.1:${port}/send/${encodeURIComponent(channel)}`;
  return (await fetch(url, { method: "POST", headers, body })).status;
}

if (plugIn) createRequire(import.meta.url)(plugIn)(Pusher);
const scenarios = await import(`./${module}.mjs`);
await scenarios[scenario](makeWorld({ Pusher, Echo, link, restart, publish }));
disconnectAll();
