/**
 * Has pusher-js, and Laravel Echo on it, get back what was sent while they were away.
 *
 *     <script src="/broadcasting/pusher-recovery.js"></script>  after Pusher's own, or
 *     pusherRecovery(Pusher);                                   where Pusher is imported
 *
 * before the first `new Pusher(…)`. On channels that keep a history, events missed come first when
 * a connection is back; `channel.bind("rf:missed", …)` or Echo's `.listen(".rf:missed", …)` hears
 * that some are gone for good. It works through `Pusher.Runtime.createWebSocket`, and leaves the
 * rest of pusher-js as it is.
 */
(() => {
  "use strict";

  /**
   * @typedef {{epoch: string, offset: number, socket_id: string}} Place  the last event heard
   * @typedef {{event?: string, channel?: string, data?: any, epoch?: string, offset?: number,
   *     recovered?: boolean}} Frame
   */

  const enabled = new WeakSet();

  /** @returns {Frame} */
  const parse = (text) => {
    try {
      return JSON.parse(text) ?? {};
    } catch {
      return {};
    }
  };

  /** @param {typeof import("pusher-js").default} Pusher the class, of whichever build */
  function pusherRecovery(Pusher) {
    const { Runtime } = Pusher;
    if (enabled.has(Runtime)) return;
    enabled.add(Runtime);

    /** By pusher-js's channel, which ends with `unsubscribe`. @type {WeakMap<object, Place>} */
    const places = new WeakMap();
    /** What sockets of nobody we know have heard: where, and which channel. @type {Set<string>} */
    const strays = new Set();

    /** Not told by the URL: several instances may have the same. */
    const ownerOf = (socketId) =>
      Pusher.instances.find(
        ({ connection }) => connection.state === "connected" && connection.socket_id === socketId,
      );

    function note({ event, channel: name, epoch, offset, recovered }, socket_id, url) {
      const owner = ownerOf(socket_id);
      const channel = owner?.channel(name);
      if (!owner && epoch) strays.add(`${url} ${name}`);
      if (!channel) return;
      if (recovered === false) places.delete(channel);
      if (epoch) places.set(channel, { epoch, offset, socket_id });
      // pusher-js takes it for an event that can't be decrypted.
      if (event === "rf:missed" && name.startsWith("private-encrypted-")) channel.emit(event, {});
    }

    /** What to say of a channel on subscribing to it; `{}` is no place, and makes us hear so. */
    function placeOf(name, socketId, url) {
      const owner = ownerOf(socketId);
      if (!owner) return strays.has(`${url} ${name}`) ? {} : undefined;
      return places.get(owner.channel(name));
    }

    function watch(socket, url) {
      const { send } = socket;
      let socketId = "";

      socket.addEventListener("message", ({ data }) => {
        const frame = parse(data);
        if (frame.event === "pusher:connection_established") socketId = parse(frame.data).socket_id;
        else if (frame.channel) note(frame, socketId, url);
      });

      socket.send = (text) => {
        const frame = parse(text);
        if (frame.event === "pusher:subscribe" && frame.data?.channel) {
          frame.data.recover = placeOf(frame.data.channel, socketId, url);
          text = JSON.stringify(frame);
        }
        return send.call(socket, text);
      };
    }

    const { createWebSocket } = Runtime;
    Runtime.createWebSocket = function (url) {
      const socket = createWebSocket.call(this, url);
      watch(socket, url);
      return socket;
    };
  }

  globalThis.pusherRecovery = pusherRecovery;
  if (typeof module === "object") module.exports = pusherRecovery;
  if (globalThis.Pusher?.Runtime) pusherRecovery(globalThis.Pusher);
})();
