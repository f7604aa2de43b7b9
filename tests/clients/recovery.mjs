// What pusher-js and Laravel Echo get back with our plug-in, against a real server.

import { equal, first, heard, joined } from "./world.mjs";

const LOST = 250; // events; a history of one is trimmed to at most a hundred

/** The data of an event of a channel, as they come. */
function collected(channel, event = "message") {
  const data = [];
  channel.bind(event, (one) => data.push(one));
  return data;
}

const until = (what, condition) =>
  first(what, (resolve) => {
    const look = () => (condition() ? resolve() : setTimeout(look, 20));
    look();
  });

/** Runs `meanwhile` while the link of these is cut, and returns when they have noticed its end. */
async function away(link, pushers, meanwhile) {
  const gone = pushers.map((each) => heard(each.connection, "connecting"));
  link.cut();
  await Promise.all(gone);
  await meanwhile();
  const back = pushers.map((each) => heard(each.connection, "connected"));
  link.restore();
  await Promise.all(back);
}

async function send(publish, name, ...numbers) {
  for (const number of numbers) await publish(name, number);
}

export async function what_was_sent_meanwhile_comes_once_and_in_order(world) {
  const { connect, link, publish, tag } = world;
  const pusher = connect();
  const [name, plain] = [`log.${tag}`, `plain-${tag}`];
  const numbers = collected(await joined(pusher, name));
  const others = collected(await joined(pusher, plain));
  await send(publish, name, 1, 2);
  for (const next of [3, 5, 7]) {
    await away(link, [pusher], () => send(publish, name, next, next + 1));
  }
  await heard(pusher.channel(plain), "pusher:subscription_succeeded");
  await send(publish, name, 9);
  await send(publish, plain, 1);
  await until("the last event", () => others.length && numbers.length >= 9);
  equal(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

export async function a_restart_of_the_server_loses_nothing({ connect, publish, restart, tag }) {
  const pusher = connect();
  const channel = await joined(pusher, `log.${tag}`);
  const numbers = collected(channel);
  const again = heard(channel, "pusher:subscription_succeeded");
  await restart();
  let sent = 0;
  for (let back = false; !back; await publish(`log.${tag}`, ++sent)) {
    back = await Promise.race([again.then(() => true), new Promise((go) => setTimeout(go, 20))]);
  }
  await until("the last event", () => numbers.includes(sent));
  equal(numbers, Array.from({ length: sent }, (_, index) => index + 1));
}

export async function guarded_channels_get_theirs_back({ connect, link, publish, tag }) {
  const user = `ann${tag}`;
  const pusher = connect(user);
  const names = [`private-orders.${user}`, `private-encrypted-orders.${user}`, `presence-log.${tag}`];
  const channels = await Promise.all(names.map((name) => joined(pusher, name)));
  const all = channels.map((channel) => collected(channel));
  await away(link, [pusher], async () => {
    for (const name of names) await send(publish, name, 1, 2);
  });
  await until("all events", () => all.every((each) => each.length >= 2));
  equal(all, [[1, 2], [1, 2], [1, 2]]);
}

export async function what_is_gone_for_good_is_said_to_be_missed(world) {
  const { connect, link, publish, tag } = world;
  const user = `ann${tag}`;
  const pusher = connect(user);
  const names = [`short.${tag}`, `private-encrypted-orders.${user}`];
  const channels = await Promise.all(names.map((name) => joined(pusher, name)));
  const [numbers, secrets] = channels.map((channel) => collected(channel));
  const missed = channels.map((channel) => collected(channel, "rf:missed"));
  await away(link, [pusher], async () => {
    for (const name of names) {
      await Promise.all(Array.from({ length: LOST }, () => publish(name, "old")));
    }
  });
  await until("both losses", () => missed.every((each) => each.length));
  for (const name of names) await publish(name, "new");
  await until("both events", () => numbers.length && secrets.length);
  equal([numbers, secrets, missed.map((each) => each.length)], [["new"], ["new"], [1, 1]]);
}

export async function echo_hears_what_it_missed_and_that_it_did({ echo, link, publish, tag }) {
  const ann = echo();
  const { pusher } = ann.connector;
  const [kept, short] = ["log", "short"].map((kind) => ann.channel(`${kind}.${tag}`));
  const [numbers, losses] = [[], []];
  kept.listen(".message", (number) => numbers.push(number));
  short.listen(".rf:missed", () => losses.push("missed"));
  await Promise.all([kept, short].map((each) => first("in", (go) => each.subscribed(go))));
  await away(link, [pusher], async () => {
    await send(publish, `log.${tag}`, 1, 2);
    await Promise.all(Array.from({ length: LOST }, () => publish(`short.${tag}`, 0)));
  });
  await until("both", () => numbers.length >= 2 && losses.length);
  equal([numbers, losses], [[1, 2], ["missed"]]);
}

export async function its_own_events_are_left_out_of_what_comes_back(world) {
  const { connect, link, publish, tag } = world;
  const pusher = connect();
  const numbers = collected(await joined(pusher, `log.${tag}`));
  const own = pusher.connection.socket_id;
  await away(link, [pusher], async () => {
    await publish(`log.${tag}`, "mine", own);
    await publish(`log.${tag}`, "theirs");
  });
  await until("theirs", () => numbers.length);
  equal(numbers, ["theirs"]);
}

export async function two_instances_of_one_key_do_not_hand_places_on(world) {
  const { connect, link, publish, tag } = world;
  const [one, other] = [connect(), connect()];
  const name = `log.${tag}`;
  const numbers = collected(await joined(one, name));
  await joined(other, `log.other-${tag}`);
  await send(publish, name, 1);
  let late;
  await away(link, [one, other], async () => {
    await send(publish, name, 2);
    late = collected(other.subscribe(name)); // which it had never heard
  });
  await joined(other, `after-${tag}`);
  await send(publish, name, 3);
  await until("the last event", () => numbers.includes(3) && late.includes(3));
  equal([numbers, late], [[1, 2, 3], [3]]);
}

export async function an_instance_that_cannot_be_known_is_told_that_it_missed(world) {
  const { connect, link, publish, tag, Pusher } = world;
  const pusher = connect();
  Pusher.instances.splice(Pusher.instances.indexOf(pusher), 1);
  const channel = await joined(pusher, `log.${tag}`);
  const [numbers, losses] = [collected(channel), collected(channel, "rf:missed")];
  await send(publish, `log.${tag}`, 1);
  await until("the first event", () => numbers.includes(1));
  await away(link, [pusher], () => send(publish, `log.${tag}`, 2));
  await until("the loss", () => losses.length);
  await send(publish, `log.${tag}`, 3);
  await until("the last event", () => numbers.includes(3));
  equal([numbers, losses.length], [[1, 3], 1]);
}

export async function who_left_while_away_starts_anew({ connect, link, publish, tag }) {
  const pusher = connect();
  const name = `log.${tag}`;
  await joined(pusher, name);
  let numbers;
  await away(link, [pusher], async () => {
    pusher.unsubscribe(name);
    await send(publish, name, 1);
    numbers = collected(pusher.subscribe(name));
  });
  await heard(pusher.channel(name), "pusher:subscription_succeeded");
  await send(publish, name, 2);
  await until("the last event", () => numbers.includes(2));
  equal(numbers, [2]);
}

export async function enabling_it_twice_changes_nothing({ connect, link, publish, tag, Pusher }) {
  globalThis.pusherRecovery(Pusher);
  const pusher = connect();
  const numbers = collected(await joined(pusher, `log.${tag}`));
  await away(link, [pusher], () => send(publish, `log.${tag}`, 1));
  await until("the event", () => numbers.length);
  equal(numbers, [1]);
}
