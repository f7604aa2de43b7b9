// node server_sdk.mjs PORT: what Pusher's own SDK for Node does against a real server.

import { deepEqual, rejects } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import Server from "pusher";
import Pusher from "pusher-js";

import { disconnectAll, heard, joined, makeWorld, signedIn } from "./world.mjs";

const port = Number(process.argv[2]);
const { connect, tag } = makeWorld({ Pusher, link: { port } });
const common = { appId: "7", key: "flask-rf", host: "127.0.0.1", port, useTLS: false };
const encryptionMasterKeyBase64 = Buffer.alloc(32).toString("base64");
const server = new Server({ ...common, secret: "s3cret", encryptionMasterKeyBase64 });
const get = async (path, params) => (await server.get({ path, params })).json();

const user = `ann${tag}`;
const names = { room: `presence-room.${tag}`, chat: `chat-${tag}` };
const [ann, bob] = [connect(user), connect("bob")];
const room = await joined(ann, names.room);
const chat = await joined(bob, names.chat);

// trigger, leaving one socket out
const both = [heard(room, "news"), heard(chat, "news")];
const skip = { socket_id: ann.connection.socket_id };
await server.trigger(Object.values(names), "news", { n: 1 }, skip);
await server.trigger(Object.values(names), "news", { n: 2 });
deepEqual(await Promise.all(both), [{ n: 2 }, { n: 1 }]);

// in batches
const batched = [heard(room, "a"), heard(chat, "b")];
await server.triggerBatch([
  { channel: names.room, name: "a", data: 1 },
  { channel: names.chat, name: "b", data: { ü: 2 } },
]);
deepEqual(await Promise.all(batched), [1, { ü: 2 }]);

// encrypted by the SDK, decrypted by the client with the key our endpoint gave it
const sealed = `private-encrypted-orders.${user}`;
const secret = heard(await joined(ann, sealed), "news");
await server.trigger(sealed, "news", "sealed");
deepEqual(await secret, "sealed");

// queries
const query = { filter_by_prefix: names.room, info: "user_count,subscription_count" };
await setTimeout(700); // counts are written every half second
const { channels } = await get("/channels", query);
deepEqual(channels, { [names.room]: { subscription_count: 1, user_count: 1 } });
deepEqual(await get(`/channels/${names.chat}`), { occupied: true });
deepEqual(await get(`/channels/${names.room}/users`), { users: [{ id: user }] });

// to a user, and the end of the user's connections
await signedIn(ann);
await joined(ann, `after-${tag}`);
const personal = heard(ann.user, "news");
await server.sendToUser(user, "news", "you");
deepEqual(await personal, "you");
const ended = heard(ann.connection, "disconnected");
await server.terminateUserConnections(user);
await ended;

// refusals
const forger = new Server({ ...common, secret: "guessed" });
await rejects(forger.trigger("chat", "news", {}), { status: 401 });
await rejects(server.get({ path: "/channels/chat/users" }), { status: 400 });

disconnectAll();
process.exit(); // the SDK's connections would be kept for another request
