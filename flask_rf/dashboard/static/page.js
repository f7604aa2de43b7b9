/** The page: figures, curves and tables, renewed once a second. */

import { ceiling, drawLines, drawStack } from "./charts.js";
import { Figures } from "./figures.js";

const { app, channel, key, bounds } = document.body.dataset;
const figures = new Figures(JSON.parse(bounds));
const find = (selector) => document.querySelector(selector);

// --- How things are written ---

const NONE = "–";
const digits = (number) => (number >= 100 || number === 0 ? 0 : number >= 10 ? 1 : 2);

const number = (value) =>
  value >= 10_000
    ? new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value)
    : value.toLocaleString("en", { maximumFractionDigits: digits(value) });

const whole = (value) => Math.round(value).toLocaleString("en");

const rate = (value) => (value && value < 0.1 ? "< 0.1" : number(Math.round(value * 10) / 10));

/** A time in milliseconds, as a number and its unit. */
const time = (ms) => {
  if (ms === null || ms === undefined) return [NONE, ""];
  if (ms >= 1000) return [number(ms / 1000), "s"];
  return [ms < 0.1 && ms > 0 ? "< 0.1" : number(ms), "ms"];
};

const took = (ms) => time(ms).join(" ").trim();

const percent = (share) => `${number(share * 100)} %`;

const size = (bytes) =>
  bytes >= 2 ** 30 ? `${number(bytes / 2 ** 30)} GB` : `${whole(bytes / 2 ** 20)} MB`;

const span = (seconds) => {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
};

const ago = (seconds) => (seconds < 1.5 ? "now" : span(seconds));

// --- What is shown ---

const element = (name, text, kind = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
};

/** Fill a figure: its value and unit, a note, and the curve of the last two minutes. */
const show = (id, [value, unit = ""], note, values, state = "") => {
  const card = find(`#${id}`);
  card.dataset.state = state;
  card.querySelector(".value").replaceChildren(element("b", value), element("span", unit));
  card.querySelector(".note").textContent = note;
  const top = ceiling(values.reduce((high, each) => Math.max(high, each ?? 0), 0));
  drawLines(card.querySelector("svg"), [{ name: "one", values }], top, true);
};

/** Fill a table with rows of cells; a cell is a text, or a text and its class. */
const fill = (id, rows, nothing) => {
  const body = find(`#${id} tbody`);
  const table = body.closest("table");
  table.classList.toggle("empty", !rows.length);
  if (!rows.length) {
    const cell = element("td", nothing);
    cell.colSpan = table.tHead.rows[0].cells.length;
    const row = document.createElement("tr");
    row.append(cell);
    body.replaceChildren(row);
    return;
  }
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(
        ...cells.map((cell) => {
          const [text, kind] = Array.isArray(cell) ? cell : [cell, ""];
          const made = element("td", text, kind);
          if (text.length > 24) made.title = text;
          return made;
        }),
      );
      return row;
    }),
  );
};

const showFigures = (now, curves) => {
  const of = (pick) => curves.map((curve) => (curve ? pick(curve) : null));
  const total = (curve) => curve.classes.reduce((all, count) => all + count, 0);
  const { redis } = now;
  show("requests", [rate(now.rate), "/s"], `${whole(now.active)} under way`, of(total));
  show("latency", time(now.p95), `95 %, half within ${took(now.p50)}`, of((curve) => curve.p95));
  show(
    "errors",
    [number(Math.round(now.errors * 1000) / 10), "%"],
    "answered with 5xx",
    of((curve) => curve.classes[4]),
    now.errors >= 0.05 ? "fail" : now.errors >= 0.01 ? "warn" : "",
  );
  show("sockets", [whole(now.sockets)], `${find("#channel-count").textContent || 0} channels`, of((curve) => curve.sockets));
  const delivery = now.delivery === null ? "" : `, 95 % within ${took(now.delivery)}`;
  const dropped = now.dropped ? `${whole(now.dropped)} given up` : "";
  show(
    "messages",
    [rate(now.received + now.written), "/s"],
    dropped || `${rate(now.received)} in, ${rate(now.written)} out${delivery}`,
    of((curve) => curve.messages[0] + curve.messages[1]),
    dropped ? "warn" : "",
  );
  if (redis.lost.length) {
    show("redis", ["down"], `for ${redis.lost.join(" and ")}`, of((curve) => curve.took), "fail");
  } else {
    const note = redis.mean === null ? "not asked" : `${rate(redis.rate)} /s, worst ${took(redis.worst)}`;
    show("redis", time(redis.mean), note, of((curve) => curve.took));
  }
  const late = now.late === null ? "threads: no loop" : "latest in ten seconds";
  const state = now.late >= 500 ? "fail" : now.late >= 100 ? "warn" : "";
  show("loop", time(now.late), late, of((curve) => (now.late === null ? null : curve.late)), state);
};

const showCharts = (curves) => {
  const classes = [1, 2, 3, 4].map((at) => ({
    name: `c${at + 1}`,
    values: curves.map((curve) => (curve ? curve.classes[at] : 0)),
  }));
  const busiest = curves.map((curve) => (curve ? curve.classes.reduce((a, b) => a + b, 0) : 0));
  const most = ceiling(Math.max(...busiest));
  drawStack(find("#statuses svg"), classes, most);
  find("#statuses .top").textContent = number(most);
  const lines = ["p99", "p95", "p50"].map((name) => ({
    name,
    values: curves.map((curve) => (curve ? curve[name] : null)),
  }));
  const longest = ceiling(Math.max(0, ...lines[0].values.map((value) => value ?? 0)));
  drawLines(find("#times svg"), lines, longest);
  find("#times .top").textContent = took(longest);
};

const found = (check) => {
  if (check.output) return check.output;
  if (check.observedValue === undefined) return check.status;
  const unit = (check.observedUnit ?? "").replace("percent", "%");
  return `${check.observedValue} ${unit}`.trim();
};

const showHealth = () => {
  const { health } = figures;
  const badge = find("#health");
  badge.hidden = !health;
  if (health) {
    badge.textContent = { pass: "healthy", warn: "warnings", fail: "failing" }[health.status];
    badge.dataset.state = health.status;
  }
  const rows = (health?.checks ?? []).map((check) => [
    [check.name, `mark ${check.status}`],
    found(check),
    took(check.durationMs),
  ]);
  fill("checks", rows, "This app checks no health.");
};

const showTables = () => {
  fill(
    "routes",
    figures.routes.map((row) => [row.name, rate(row.rate), took(row.mean), took(row.worst)]),
    "No requests.",
  );
  fill(
    "limits",
    figures.limits.map((row) => [
      row.name,
      rate(row.allowed),
      [rate(row.denied + row.shadowed), row.denied ? "bad" : ""],
    ]),
    "No limit was met.",
  );
  fill(
    "denied",
    figures.keys("denied").map((row) => [row.key, row.limit, whole(row.times), ago(row.ago)]),
    "Nobody within a minute.",
  );
  fill(
    "near",
    figures.keys("near").map((row) => [row.key, row.limit, whole(row.remaining), ago(row.ago)]),
    "Nobody within a minute.",
  );
  fill(
    "workers",
    figures.workers.map(({ worker, classes, sockets, process, late }) => [
      worker,
      rate(classes.reduce((all, count) => all + count, 0)),
      whole(sockets),
      percent(process.cpu),
      size(process.memory),
      process.greenlets ? took(late) : NONE,
      span(process.uptime),
    ]),
    "No worker has been heard.",
  );
  find("#worker-count").textContent = figures.workers.length || "";
};

const showChannels = () => {
  const { largest, count, exact } = figures.channels;
  find("#channel-count").textContent = count ? `${whole(count)}${exact ? "" : "+"}` : "";
  const rows = largest.map(({ name, subscriptions, users }) => [
    name,
    whole(subscriptions),
    name.startsWith("presence-") ? whole(users) : "",
  ]);
  fill("channels", rows, "Nobody listens.");
};

const render = () => {
  if (document.hidden) return;
  const { curves, now } = figures;
  showChannels();
  showFigures(now, curves);
  showCharts(curves);
  showTables();
  showHealth();
  document.title = `${rate(now.rate)}/s · ${app}`;
};

// --- How it is told ---

const STATES = {
  connecting: "Connecting",
  connected: "Live",
  reconnecting: "Connection lost, trying again",
  interrupted: "Redis is away: nothing is heard",
  failed: "Refused",
  closed: "Closed",
};

const say = (text, state) => {
  const line = find("#state");
  line.textContent = text;
  line.dataset.state = state;
};

const rf = new RF({ key });
rf.on("state", (state) => say(STATES[state], state));
const take = (event) => (told) => figures.receive(event, told, performance.now() / 1000);
rf.private(channel)
  .error(({ status }) => say(`Not allowed (${status}): load the page anew`, "failed"))
  .listen("history", take("history"))
  .listen("now", take("now"));
say(STATES[rf.state], rf.state);

let due = 0;
rf.private(channel).listen("now", () => {
  // Several workers tell within the same moment.
  clearTimeout(due);
  due = setTimeout(render, 60);
});
document.addEventListener("visibilitychange", render);
render();
