// What pusher-js does against a real server.

import { equal, first, heard, joined, signedIn } from "./world.mjs";

export async function an_event_reaches_all_but_the_page_that_sent_it({ connect, publish, tag }) {
  const [ann, bob] = [connect(), connect()];
  const [hers, his] = await Promise.all([ann, bob].map((each) => joined(each, `chat-${tag}`)));
  const [toAnn, toBob] = [hers, his].map((channel) => heard(channel, "message"));
  await publish(`chat-${tag}`, { n: 1 }, ann.connection.socket_id);
  await publish(`chat-${tag}`, { n: 2 });
  equal(await Promise.all([toAnn, toBob]), [{ n: 2 }, { n: 1 }]);
}

export async function a_private_channel_is_for_whom_the_app_lets_in({ connect, publish, tag }) {
  const owner = `ann${tag}`;
  const name = `private-orders.${owner}`;
  const channel = await joined(connect(owner), name);
  const denial = await heard(connect("bob").subscribe(name), "pusher:subscription_error");
  equal(denial.status, 403);
  const message = heard(channel, "message");
  await publish(name, "for ann");
  equal(await message, "for ann");
}

export async function a_presence_channel_knows_who_is_there({ connect, tag }) {
  const name = `presence-room.${tag}`;
  const channel = await joined(connect("ann"), name);
  equal([channel.members.count, channel.members.me], [1, { id: "ann", info: { name: "Ann" } }]);
  const bob = connect("bob");
  const added = heard(channel, "pusher:member_added");
  const his = await joined(bob, name);
  equal(Object.keys(his.members.members).sort(), ["ann", "bob"]);
  equal(await added, { id: "bob", info: { name: "Bob" } });
  const removed = heard(channel, "pusher:member_removed");
  bob.disconnect();
  equal((await removed).id, "bob");
  equal(channel.members.count, 1);
}

export async function a_client_event_reaches_the_others_and_says_from_whom({ connect, tag }) {
  const name = `presence-room.${tag}`;
  const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => joined(connect(user), name)));
  ann.bind("client-typing", () => equal("the sender's own event", "never"));
  const heardBy = first("client-typing", (resolve) =>
    bob.bind("client-typing", (data, { user_id }) => resolve({ data, user_id })),
  );
  ann.trigger("client-typing", { on: true });
  equal(await heardBy, { data: { on: true }, user_id: "ann" });
}

export async function a_client_event_on_a_public_channel_is_refused({ connect, tag }) {
  const ann = connect();
  const channel = await joined(ann, `chat-${tag}`);
  const error = heard(ann.connection, "error");
  channel.trigger("client-typing", {});
  equal((await error).data.code, 4301);
}

export async function an_encrypted_channel_is_decrypted({ connect, publish, tag }) {
  const owner = `ann${tag}`;
  const name = `private-encrypted-orders.${owner}`;
  const message = heard(await joined(connect(owner), name), "message");
  await publish(name, { secret: "ä" });
  equal(await message, { secret: "ä" });
}

export async function a_cache_channel_keeps_its_last_event({ connect, publish, tag }) {
  const name = `cache-${tag}`;
  await heard(connect().subscribe(name), "pusher:cache_miss");
  await publish(name, "latest");
  equal(await heard(connect().subscribe(name), "message"), "latest");
}

export async function subscribers_are_counted({ connect, tag }) {
  const channel = connect().subscribe(`crowd-${tag}`);
  const two = first("a count of two", (resolve) =>
    channel.bind("pusher:subscription_count", ({ subscription_count: count }) => {
      if (count === 2) resolve();
    }),
  );
  connect().subscribe(`crowd-${tag}`);
  await two;
  equal(channel.subscriptionCount, 2);
}

export async function a_signed_in_user_has_a_channel_of_their_own({ connect, publish, tag }) {
  const user = `ann${tag}`;
  const pusher = connect(user);
  const message = heard(pusher.user, "message");
  await signedIn(pusher);
  equal(pusher.user.user_data.id, user);
  await joined(pusher, `after-${tag}`); // by now the user's own channel is joined, too
  await publish(`#server-to-user-${user}`, "you alone");
  equal(await message, "you alone");
}

export async function followers_hear_who_comes_and_goes({ connect }) {
  const fan = connect("fan-of-star");
  const [online, offline] = ["online", "offline"].map((name) => heard(fan.user.watchlist, name));
  await signedIn(fan);
  const star = connect("star");
  star.signin();
  equal((await online).user_ids, ["star"]);
  star.disconnect();
  equal((await offline).user_ids, ["star"]);
}

export async function a_wrong_key_ends_it_for_good({ connect }) {
  const stranger = connect("", "no-such-key");
  const error = await heard(stranger.connection, "error");
  equal((error.data ?? error.error.data).code, 4001);
  const states = [];
  stranger.connection.bind("state_change", ({ current }) => states.push(current));
  await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than any retry waits
  equal([stranger.connection.state, states.includes("connecting")], ["disconnected", false]);
}

export async function a_graceful_restart_is_survived({ connect, publish, restart, tag }) {
  const ann = connect();
  const channel = await joined(ann, `chat-${tag}`);
  const codes = [];
  ann.connection.bind("error", (error) => codes.push((error.data ?? error.error?.data)?.code));
  const again = heard(channel, "pusher:subscription_succeeded");
  await restart();
  await again;
  equal([...new Set(codes)], [4200]);
  const message = heard(channel, "message");
  await publish(`chat-${tag}`, "still here");
  equal(await message, "still here");
}
