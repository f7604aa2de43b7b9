/**
 * What the workers tell, added up. Pure: no document, no clock of its own.
 *
 * A worker's "now" holds one second: its curves, which are kept to be drawn, and its tables.
 * Its "history" holds the curves of the two minutes before. Each worker's seconds are moved to
 * where the viewer's clock has them: machines differ, and a clock may be set.
 */

export const HISTORY = 120; // seconds drawn
const RECENT = 10; // seconds that figures and tables are of
const GONE = 6; // seconds of silence after which a worker counts no more
const JUMP = 2; // seconds more than which a worker's clock does not drift unnoticed

const sum = (values) => values.reduce((total, value) => total + value, 0);
const most = (values) => values.reduce((high, value) => Math.max(high, value), 0);

/** Adds pairs of a bucket's number and its count to counts. */
const addBuckets = (counts, pairs) => {
  for (const [bucket, count] of pairs) counts[bucket] = (counts[bucket] ?? 0) + count;
  return counts;
};

/** The value in milliseconds below which that share of what was counted lies; null of nothing. */
export const percentile = (counts, bounds, share) => {
  const total = sum(Object.values(counts));
  if (!total) return null;
  let below = 0;
  for (let bucket = 0; bucket < bounds.length; bucket++) {
    const count = counts[bucket] ?? 0;
    if (count && below + count >= total * share) {
      const low = bucket ? bounds[bucket - 1] : 0;
      return low + (bounds[bucket] - low) * ((total * share - below) / count);
    }
    below += count;
  }
  return bounds.at(-1);
};

export class Figures {
  #bounds;
  #workers = new Map();
  #second = 0;

  /** @param {number[]} bounds of the buckets, in milliseconds */
  constructor(bounds) {
    this.#bounds = bounds;
  }

  /**
   * Take what a worker tells.
   *
   * @param {"now" | "history"} event
   * @param {number} at seconds of a clock of the viewer's that never jumps
   */
  receive(event, told, at) {
    const curves = event === "history" ? told.curves : [told];
    if (!curves.length) return;
    const worker = this.#worker(told.worker, at - curves.at(-1).second);
    worker.heard = at;
    for (const curve of curves) worker.curves.set(curve.second + worker.offset, curve);
    if (event === "now") {
      worker.now = told;
      worker.recent = [...worker.recent.filter((old) => old.second > told.second - RECENT), told];
      worker.second = told.second + worker.offset;
      this.#forget(at);
    }
  }

  /** What each worker told last, by name. */
  get workers() {
    const told = [...this.#workers.values()].map(({ now }) => now).filter(Boolean);
    return told.sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  /** The last two minutes, second by second; null where nobody told anything. */
  get curves() {
    const last = this.#second - 1; // by now all workers have told of it
    return Array.from({ length: HISTORY }, (_, index) => this.#curve(last - HISTORY + 1 + index));
  }

  /** Requests, messages and so on as of now: means of the last seconds. */
  get now() {
    const curves = this.curves.slice(-RECENT).filter(Boolean);
    const seconds = Math.max(curves.length, 1);
    const buckets = curves.reduce((counts, curve) => addBuckets(counts, curve.buckets), {});
    const classes = [0, 1, 2, 3, 4].map((at) => sum(curves.map((curve) => curve.classes[at])));
    const requests = sum(classes);
    return {
      rate: requests / seconds,
      errors: requests ? classes[4] / requests : 0,
      active: sum(this.workers.map((worker) => worker.active)),
      ...this.#percentiles(buckets),
      sockets: sum(this.workers.map((worker) => worker.sockets)),
      received: sum(curves.map((curve) => curve.messages[0])) / seconds,
      written: sum(curves.map((curve) => curve.messages[1])) / seconds,
      late: this.workers.some((worker) => worker.process.greenlets)
        ? most(curves.map((curve) => curve.late))
        : null,
      redis: this.#redis(curves, seconds),
      delivery: percentile(this.#delays(), this.#bounds, 0.95),
      dropped: sum(this.#recent().map((told) => told.dropped)),
    };
  }

  /** Name, requests a second, mean and longest milliseconds of the busiest routes. */
  get routes() {
    const rows = this.#grouped("routes", (row, [, count, total, worst]) => {
      row.count = (row.count ?? 0) + count;
      row.total = (row.total ?? 0) + total;
      row.worst = Math.max(row.worst ?? 0, worst);
    });
    return rows
      .map(({ name, count, total, worst }) => ({
        name, rate: count / this.#seconds(), mean: total / count, worst,
      }))
      .sort((a, b) => b.rate - a.rate)
      .slice(0, 8);
  }

  /** Name and decisions a second of the limits that were met. */
  get limits() {
    const rows = this.#grouped("limits", (row, [, ...counts]) => {
      ["allowed", "denied", "shadowed"].forEach((outcome, at) => {
        row[outcome] = (row[outcome] ?? 0) + counts[at];
      });
    });
    const perSecond = (count) => count / this.#seconds();
    return rows
      .map(({ name, allowed, denied, shadowed }) => ({
        name,
        allowed: perSecond(allowed),
        denied: perSecond(denied),
        shadowed: perSecond(shadowed),
      }))
      .sort((a, b) => b.denied - a.denied || b.allowed - a.allowed);
  }

  /** Keys of clients, latest first. @param {"denied" | "near"} kind */
  keys(kind) {
    const found = new Map();
    for (const worker of this.workers) {
      for (const [key, limit, times, remaining, ago] of worker.keys[kind]) {
        const id = JSON.stringify([key, limit]);
        const known = found.get(id);
        found.set(id, {
          key,
          limit,
          times: times + (known?.times ?? 0),
          remaining: known && known.ago < ago ? known.remaining : remaining,
          ago: Math.min(ago, known?.ago ?? Infinity),
        });
      }
    }
    return [...found.values()].sort((a, b) => a.ago - b.ago).slice(0, 8);
  }

  /** Name, subscriptions and users of the largest channels; and how many channels there are. */
  get channels() {
    const found = new Map();
    for (const { channels } of this.workers) {
      for (const [name, subscriptions, users] of channels.largest) {
        const known = found.get(name)?.subscriptions ?? 0;
        if (subscriptions >= known) found.set(name, { name, subscriptions, users });
      }
    }
    const largest = [...found.values()].sort((a, b) => b.subscriptions - a.subscriptions);
    const all = this.workers.every(({ channels }) => channels.count <= channels.largest.length);
    const count = all ? found.size : most(this.workers.map(({ channels }) => channels.count));
    return { largest: largest.slice(0, 10), count, exact: all };
  }

  /** The worst that any worker says of each health check; null where there is no health. */
  get health() {
    const order = ["pass", "warn", "fail"];
    const reports = this.workers.map(({ health }) => health).filter(Boolean);
    if (!reports.length) return null;
    const checks = new Map();
    for (const report of reports) {
      for (const [name, [check]] of Object.entries(report.checks ?? {})) {
        const known = checks.get(name);
        const worse = !known || order.indexOf(check.status) > order.indexOf(known.status);
        if (worse) checks.set(name, { name, ...check });
      }
    }
    const status = order[most(reports.map((report) => order.indexOf(report.status)))];
    return { status, checks: [...checks.values()] };
  }

  /** @param {number} offset from the worker's clock to the viewer's, in seconds */
  #worker(name, offset) {
    let known = this.#workers.get(name);
    if (!known || Math.abs(known.offset - offset) > JUMP) {
      known = { curves: new Map(), recent: [], now: known?.now, second: 0, heard: 0 };
      known.offset = Math.round(offset);
      this.#workers.set(name, known);
    }
    return known;
  }

  #forget(at) {
    for (const [name, { heard }] of this.#workers) {
      if (heard < at - GONE) this.#workers.delete(name);
    }
    this.#second = most([...this.#workers.values()].map(({ second }) => second));
    for (const { curves } of this.#workers.values()) {
      for (const second of curves.keys()) {
        if (second < this.#second - HISTORY - 1) curves.delete(second);
      }
    }
  }

  #curve(second) {
    const told = [...this.#workers.values()].map(({ curves }) => curves.get(second)).filter(Boolean);
    if (!told.length) return null;
    const buckets = told.reduce((counts, { buckets }) => addBuckets(counts, buckets), {});
    const asked = sum(told.map(({ redis }) => redis[0]));
    return {
      second,
      classes: [0, 1, 2, 3, 4].map((at) => sum(told.map(({ classes }) => classes[at]))),
      buckets: Object.entries(buckets).map(([bucket, count]) => [Number(bucket), count]),
      ...this.#percentiles(buckets),
      messages: [0, 1].map((at) => sum(told.map(({ messages }) => messages[at]))),
      sockets: sum(told.map(({ sockets }) => sockets ?? 0)),
      denied: sum(told.map(({ denied }) => denied)),
      asked,
      took: asked ? sum(told.map(({ redis }) => redis[1])) / asked : null,
      worst: most(told.map(({ redis }) => redis[2])),
      late: most(told.map(({ late }) => late)),
    };
  }

  #percentiles(buckets) {
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) =>
      percentile(buckets, this.#bounds, share),
    );
    return { p50, p95, p99 };
  }

  #redis(curves, seconds) {
    const asked = sum(curves.map((curve) => curve.asked));
    const lost = new Set(this.workers.flatMap((worker) => worker.lost));
    const took = sum(curves.map((curve) => (curve.took ?? 0) * curve.asked));
    return {
      lost: [...lost].sort(),
      rate: asked / seconds,
      mean: asked ? took / asked : null,
      worst: most(curves.map((curve) => curve.worst)),
    };
  }

  #recent() {
    return [...this.#workers.values()].flatMap(({ recent }) => recent);
  }

  /** That the tables are of: those of the worker heard longest, for seconds differ by machine. */
  #seconds() {
    return Math.max(most([...this.#workers.values()].map(({ recent }) => recent.length)), 1);
  }

  #delays() {
    return this.#recent().reduce((counts, { delays }) => addBuckets(counts, delays), {});
  }

  #grouped(table, add) {
    const rows = new Map();
    for (const told of this.#recent()) {
      for (const line of told[table]) {
        const row = rows.get(line[0]) ?? { name: line[0] };
        rows.set(line[0], row);
        add(row, line);
      }
    }
    return [...rows.values()];
  }
}
