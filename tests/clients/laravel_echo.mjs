// What Laravel Echo does against a real server, through pusher-js.

import { equal, first, heard } from "./world.mjs";

const told = (channel, method, ...rest) =>
  first(method, (resolve) => channel[method](...rest, resolve));

export async function a_public_channel_is_listened_to({ echo, publish, tag }) {
  const channel = echo().channel(`news-${tag}`);
  const message = told(channel, "listen", ".message");
  await told(channel, "subscribed");
  await publish(`news-${tag}`, { n: 1 });
  equal(await message, { n: 1 });
}

export async function a_private_channel_is_listened_to_by_whom_the_app_lets_in(world) {
  const owner = `ann${world.tag}`;
  const denied = told(world.echo("bob").private(`orders.${owner}`), "error");
  equal((await denied).status, 403);
  const channel = world.echo(owner).private(`orders.${owner}`);
  const message = told(channel, "listen", ".message");
  await told(channel, "subscribed");
  await world.publish(`private-orders.${owner}`, "for ann");
  equal(await message, "for ann");
}

export async function an_encrypted_channel_is_decrypted({ echo, publish, tag }) {
  const owner = `ann${tag}`;
  const channel = echo(owner).encryptedPrivate(`orders.${owner}`);
  const message = told(channel, "listen", ".message");
  await told(channel, "subscribed");
  await publish(`private-encrypted-orders.${owner}`, "sealed");
  equal(await message, "sealed");
}

export async function a_room_tells_who_is_here_who_joins_and_who_leaves({ echo, tag }) {
  const room = echo("ann").join(`room.${tag}`);
  equal(await told(room, "here"), [{ name: "Ann" }]);
  const [joining, leaving] = ["joining", "leaving"].map((method) => told(room, method));
  const bob = echo("bob");
  await told(bob.join(`room.${tag}`), "here");
  equal(await joining, { name: "Bob" });
  bob.leave(`room.${tag}`);
  equal(await leaving, { name: "Bob" });
}

export async function a_whisper_reaches_the_others({ echo, tag }) {
  const [ann, bob] = ["ann", "bob"].map((user) => echo(user).join(`room.${tag}`));
  const whisper = told(bob, "listenForWhisper", "typing");
  await Promise.all([ann, bob].map((room) => told(room, "here")));
  ann.whisper("typing", { on: true });
  equal(await whisper, { on: true });
}

export async function its_socket_id_leaves_its_page_out({ echo, publish, tag }) {
  const ann = echo();
  const channel = ann.channel(`chat-${tag}`);
  const message = told(channel, "listen", ".message");
  await told(channel, "subscribed");
  await publish(`chat-${tag}`, "own", ann.socketId());
  await publish(`chat-${tag}`, "another's");
  equal(await message, "another's");
}

export async function what_is_left_is_not_heard_any_more({ echo, publish, tag }) {
  const ann = echo();
  const [left, kept] = ["left", "kept"].map((name) => ann.channel(`${name}-${tag}`));
  left.listen(".message", () => equal("a channel that was left", "silent"));
  const message = told(kept, "listen", ".message");
  await Promise.all([left, kept].map((channel) => told(channel, "subscribed")));
  ann.leave(`left-${tag}`);
  const pong = heard(ann.connector.pusher.connection, "message");
  ann.connector.pusher.send_event("pusher:ping", {}); // answered after the leave is done
  await pong;
  await publish(`left-${tag}`, 1);
  await publish(`kept-${tag}`, 2);
  equal(await message, 2);
}
