// node run.mjs MODULE SCENARIO PORT PID: runs one scenario against the server of that process.

import Echo from "laravel-echo";
import Pusher from "pusher-js";

import { disconnectAll, makeWorld } from "./world.mjs";

const [module, scenario, port, pid] = process.argv.slice(2);
const restart = () => process.kill(Number(pid), "SIGHUP");
const scenarios = await import(`./${module}.mjs`);
await scenarios[scenario](makeWorld({ Pusher, Echo, port: Number(port), restart }));
disconnectAll();
