/**
 * The browser's end of flask_rf's broadcasting, speaking Pusher Channels protocol 7.
 *
 *     <script src="/broadcasting/rf.js"></script>
 *     <script>
 *       const rf = new RF();
 *       rf.channel("chat").listen("message", (message) => console.log(message));
 *     </script>
 *
 * A script tag and `import "/broadcasting/rf.js"` alike define `RF`. On the tag, `data-key`,
 * `data-host` and `data-auth-endpoint` set the options of these names.
 */
(() => {
  "use strict";

  /**
   * @typedef {"connecting" | "connected" | "reconnecting" | "interrupted" | "failed" | "closed"} State
   * @typedef {"websocket" | "sse"} Transport  by "sse" (server-sent events) whispers are lost
   * @typedef {{transport?: Transport, code?: number, reason?: string, delay?: number}} Detail
   *     of a connection; of what ended the last one: close code, why, ms to the next attempt
   * @typedef {{id: string} & Record<string, any>} Member  the user's id and what the app tells of them
   * @typedef {{type: string, error: string, status: number}} Refusal
   * @typedef {(data: any, meta: {userId?: string}) => void} Listener
   * @typedef {{epoch: string, offset: number, socket_id: string}} Place  the last event heard
   */

  const HANDSHAKE = 10_000; // ms for a new connection to greet us
  const ANSWER = 10_000; // ms for a pong, or for the authorisation endpoint
  const STEADY = 5_000; // ms after which a connection counts as a good one
  const LONGEST = 30_000; // ms between two attempts, at most
  const QUIET = 30_000; // ms in which a stream that lives says so twice
  const A_WHILE = 60_000; // ms for which WebSockets are taken for blocked

  const SUBSCRIBED = "pusher_internal:subscription_succeeded";
  const REFUSED = "pusher:subscription_error";
  const MISSED = "rf:missed";
  const STATES = new Map([
    ["pusher:connection_established", "connected"],
    ["rf:interrupted", "interrupted"],
    ["rf:resumed", "connected"],
  ]);

  const { document, location } = globalThis;
  const script = /** @type {HTMLScriptElement} */ (document?.currentScript);
  /** Where the app is mounted: what stands before /broadcasting/rf.js, else the page's origin. */
  const home = script?.src?.match(/^(.*)\/broadcasting\/rf\.js/)?.[1] ?? location?.origin;

  /** Full jitter: clients that lost one server together do not come back together. */
  const backoff = (attempt) => Math.random() * Math.min(LONGEST, 1000 * 2 ** attempt);

  const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };

  class Listeners {
    #byEvent = new Map();

    add(event, listener) {
      this.#byEvent.set(event, (this.#byEvent.get(event) ?? new Set()).add(listener));
    }

    remove(event, listener) {
      if (listener) this.#byEvent.get(event)?.delete(listener);
      else this.#byEvent.delete(event);
    }

    tell(event, ...values) {
      for (const listener of [...(this.#byEvent.get(event) ?? [])]) {
        try {
          listener(...values);
        } catch (error) {
          setTimeout(() => { throw error; }); // reported as uncaught; the others still hear
        }
      }
    }
  }

  /** Not left to the close event, which a dead network delays by minutes. */
  const hangUp = (socket) => {
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  };

  /** Server-sent events, read as from a WebSocket; what is sent is lost. */
  class Stream {
    #end = new AbortController();

    /** @param {Set<string>} channels that the URL asks for */
    constructor(url, headers, channels) {
      this.channels = channels;
      this.#read(url, headers).catch(String).then((reason) => {
        this.onclose?.({ code: 1006, reason });
      });
    }

    send() {}

    close() {
      this.#end.abort();
    }

    /** Not by EventSource, which neither sends headers nor tells of the server's heartbeat. */
    async #read(url, headers) {
      const { ok, status, body } = await fetch(url, { headers: headers(), signal: this.#end.signal });
      if (!ok) return `HTTP ${status}`;
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return "end of stream";
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) this.onmessage?.({ data: line.replace(/^data: /, "") });
      }
    }
  }

  /**
   * One socket at a time: opened, kept alive and opened again. Knows nothing of channels.
   *
   * After two WebSockets that did not greet us, a stream is tried beside the next ones, and what
   * greets us first is kept. While a stream holds WebSockets are taken for blocked, and for a
   * while after the last one failed.
   */
  class Connection {
    /** @type {State} */
    state = "closed";
    /** Of this connection, or of the last one. @type {Transport} */
    transport = "websocket";
    socketId = "";
    #make;
    #onState;
    #onEvent;
    #socket;
    #beside;
    #besideSince;
    #timer;
    #attempts = 0;
    #unanswered = 0;
    #blocked = -Infinity;
    #since = Infinity;
    #activityTimeout;

    constructor(make, onState, onEvent) {
      this.#make = make;
      this.#onState = onState;
      this.#onEvent = onEvent;
    }

    open() {
      if (this.state !== "closed" && this.state !== "failed") return;
      this.#attempts = 0;
      this.#become("connecting");
      this.#dial();
    }

    close() {
      this.#end("closed");
    }

    /** The channels that the stream was asked for, if it is one. @returns {Set<string> | undefined} */
    get streamed() {
      return this.#socket?.channels;
    }

    send = (event, data, channel) => {
      if (this.socketId) this.#socket.send(JSON.stringify({ event, data, channel }));
    };

    /** Something changed outside: try again now, or see whether the connection still lives. */
    nudge = () => {
      if (this.socketId && this.transport === "websocket") this.#ping();
      else if (this.state === "reconnecting" && !this.#socket) this.#dial();
    };

    /** Come back at once by the same transport, since a stream can't be asked for more. */
    renew() {
      if (!this.socketId) return;
      this.#attempts = 0;
      this.#blocked = performance.now();
      this.#lost(4200, "other channels");
    }

    #dial() {
      this.#drop();
      const blocked = performance.now() - this.#blocked < A_WHILE;
      this.#socket = this.#open(blocked ? this.transport : "websocket");
      this.#wait(HANDSHAKE, () => this.#lost(1006, "no greeting"));
    }

    #open(transport) {
      const socket = this.#make(transport);
      socket.onmessage = ({ data }) => this.#receive(data, socket);
      socket.onclose = ({ code, reason }) => {
        if (socket === this.#beside) this.#giveUp(); // the next WebSocket is due all the same
        else this.#lost(code, reason);
      };
      return socket;
    }

    /** One that is still on its way is left the time it may take. */
    #tryStream() {
      if (this.#beside && performance.now() - this.#besideSince < HANDSHAKE) return;
      this.#giveUp();
      this.#besideSince = performance.now();
      this.#beside = this.#open("sse");
    }

    #giveUp() {
      hangUp(this.#beside);
      this.#beside = null;
    }

    #drop() {
      clearTimeout(this.#timer);
      hangUp(this.#socket);
      this.#socket = null;
      this.socketId = "";
    }

    #end(state, detail) {
      this.#drop();
      this.#giveUp();
      this.#become(state, detail);
    }

    #lost(code, reason) {
      const blocked = this.#isBlocked(code);
      this.#drop();
      if (performance.now() - this.#since > STEADY) this.#attempts = 0;
      this.#since = Infinity;
      if (code >= 4000 && code < 4100) return this.#end("failed", { code, reason });
      // At once, but not twice: a server that sends everybody away must not be hammered.
      const atOnce = code >= 4200 && code < 4300 && !this.#attempts;
      const delay = atOnce ? 0 : backoff(this.#attempts);
      this.#attempts++;
      if (blocked) this.#tryStream();
      this.#wait(delay, () => this.#dial());
      this.#become("reconnecting", { code, reason, delay });
    }

    /** Whether what has just ended lets us think that WebSockets are blocked. */
    #isBlocked(code) {
      if (this.#socket instanceof Stream) {
        if (!this.socketId) this.transport = "websocket";
        return false;
      }
      if (this.socketId || code >= 4000) {
        this.#unanswered = 0;
        return false;
      }
      this.transport = "websocket";
      this.#blocked = performance.now();
      return ++this.#unanswered > 1;
    }

    #receive(text, socket) {
      const frame = parse(text);
      const event = frame?.event;
      const data = parse(frame?.data);
      if (event === "pusher:connection_established") this.#greeted(data, socket);
      if (this.socketId) this.#wait(this.#activityTimeout, () => this.#ping());
      if (typeof event !== "string") return;
      if (event === "pusher:ping") this.send("pusher:pong", {});
      this.#onEvent(frame, data);
      if (!socket.onclose) return; // given up by who heard the event
      if (STATES.has(event)) this.#become(STATES.get(event), { transport: this.transport });
      if (event === "pusher:error" && socket instanceof Stream) {
        socket.onclose({ code: data.code, reason: data.message }); // its last words
      }
    }

    #greeted({ socket_id, activity_timeout = 120 }, socket) {
      if (socket === this.#beside) [this.#socket, this.#beside] = [socket, this.#socket];
      this.#giveUp();
      this.socketId = socket_id;
      const transport = (this.transport = this.streamed ? "sse" : "websocket");
      this.#activityTimeout = transport === "sse" ? QUIET : activity_timeout * 1000;
      this.#since = performance.now();
    }

    #ping() {
      this.send("pusher:ping", {});
      this.#wait(ANSWER, () => this.#lost(4201, "no pong"));
    }

    /** The one timer: greeting, activity, pong and the next attempt never overlap. */
    #wait(ms, then) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(then, ms);
    }

    #become(state, detail = {}) {
      if (state === this.state && state !== "reconnecting") return;
      this.state = state;
      this.#onState(state, detail);
    }
  }

  /** A public channel, and what all kinds have in common. */
  class Channel {
    _subscribed = false;
    _listeners = new Listeners();
    /** Up to where we have heard the channel, if it has a history. @type {Place | undefined} */
    _place;

    constructor(name, send) {
      /** As on the wire, prefix included. @type {string} */
      this.name = name;
      this._send = send;
    }

    /** @param {string} event @param {Listener} listener */
    listen(event, listener) {
      this._listeners.add(event, listener);
      return this;
    }

    /** @param {string} event @param {Listener} [listener] all of the event's when left out */
    stopListening(event, listener) {
      this._listeners.remove(event, listener);
      return this;
    }

    /** On every subscription, so again after a reconnection. @param {() => void} listener */
    subscribed(listener) {
      if (this._subscribed) listener();
      return this.listen(SUBSCRIBED, listener);
    }

    /** @param {(refusal: Refusal) => void} listener */
    error(listener) {
      return this.listen(REFUSED, listener);
    }

    /** Events may be lost for good: fetch anew what they tell of. @param {() => void} listener */
    missed(listener) {
      return this.listen(MISSED, listener);
    }

    /** Notes how far we have come. @returns {boolean} whether this is news */
    _note({ event, epoch, offset, recovered }, socket_id) {
      const { _place: place } = this;
      const mayRepeat = event !== SUBSCRIBED && event !== MISSED;
      if (mayRepeat && place && epoch === place.epoch && offset <= place.offset) return false;
      if (recovered === false) this._place = undefined;
      if (epoch) this._place = { epoch, offset, socket_id };
      return true;
    }

    _receive(event, data, meta) {
      if (event === SUBSCRIBED) this._subscribed = true;
      this._listeners.tell(event, data, meta);
    }
  }

  /** A channel the app must let us into; its members may whisper to each other. */
  class PrivateChannel extends Channel {
    /** Tell the others, past the app; lost while not subscribed. @param {string} event */
    whisper(event, data = {}) {
      if (this._subscribed) this._send(`client-${event}`, data, this.name);
      return this;
    }

    /** @param {string} event @param {Listener} listener */
    listenForWhisper(event, listener) {
      return this.listen(`client-${event}`, listener);
    }
  }

  /** A private channel that tells who is on it. */
  class PresenceChannel extends PrivateChannel {
    /** Our own member id, once let in. */
    me = "";
    #members = new Map();

    /** @returns {Member[]} */
    get members() {
      return [...this.#members.values()];
    }

    /** All members, on every subscription. @param {(members: Member[]) => void} listener */
    here(listener) {
      if (this._subscribed) listener(this.members);
      return this.listen("rf:here", listener);
    }

    /** @param {(member: Member) => void} listener */
    joining(listener) {
      return this.listen("rf:joining", listener);
    }

    /** @param {(member: Member) => void} listener */
    leaving(listener) {
      return this.listen("rf:leaving", listener);
    }

    _receive(event, data, meta) {
      if (event === "rf:me") this.me = data.user_id;
      if (event === SUBSCRIBED) {
        const { hash } = data.presence;
        this.#members = new Map(Object.entries(hash).map(([id, info]) => [id, { ...info, id }]));
      }
      super._receive(event, data, meta);
      if (event === SUBSCRIBED) this._listeners.tell("rf:here", this.members);
      else if (event === "pusher_internal:member_added") this.#add(data.user_id, data.user_info);
      else if (event === "pusher_internal:member_removed") this.#remove(data.user_id);
    }

    #add(id, info) {
      const known = this.#members.has(id);
      const member = { ...info, id };
      this.#members.set(id, member);
      if (!known) this._listeners.tell("rf:joining", member);
    }

    #remove(id) {
      if (id === this.me) return; // news of our former connection: this one is here
      const member = this.#members.get(id);
      if (this.#members.delete(id)) this._listeners.tell("rf:leaving", member);
    }
  }

  class RF {
    #channels = new Map();
    #listeners = new Listeners();
    #options;
    #base;
    #connection;

    /**
     * Connects at once.
     *
     * @param {object} [options]
     * @param {string} [options.key] of the app
     * @param {string} [options.host] with port, scheme and path as needed; default: this app's
     * @param {string} [options.authEndpoint]
     * @param {Record<string, string> | (() => Record<string, string>)} [options.headers] for it,
     *     and for streams
     */
    constructor(options = {}) {
      this.#options = {
        key: "flask-rf",
        host: home,
        authEndpoint: `${home}/broadcasting/auth`,
        ...script?.dataset,
        ...options,
      };
      const { host } = this.#options;
      this.#base = host.includes("://") ? host : `${location.protocol}//${host}`;
      this.#connection = new Connection(
        (transport) => this.#make(transport),
        (state, detail) => this.#changed(state, detail),
        (frame, data) => this.#receive(frame, data),
      );
      const { nudge } = this.#connection;
      globalThis.addEventListener?.("online", nudge);
      globalThis.addEventListener?.("offline", nudge);
      document?.addEventListener("visibilitychange", nudge);
      this.connect();
    }

    /** @returns {State} */
    get state() {
      return this.#connection.state;
    }

    /** @returns {Transport} */
    get transport() {
      return this.#connection.transport;
    }

    /** For the X-Socket-ID header, with which `to_others()` leaves this page out; "" at first. */
    get socketId() {
      return this.#connection.socketId;
    }

    /** Again, after `disconnect()` or a failure; its channels are subscribed anew. */
    connect() {
      this.#connection.open();
    }

    disconnect() {
      this.#connection.close();
    }

    /**
     * "state" tells (State, Detail), "error" the server's {code, message}.
     *
     * @param {"state" | "error"} event @param {(...values: any[]) => void} listener
     */
    on(event, listener) {
      this.#listeners.add(event, listener);
      return this;
    }

    /** @param {"state" | "error"} event @param {(...values: any[]) => void} [listener] */
    off(event, listener) {
      this.#listeners.remove(event, listener);
      return this;
    }

    /** @param {string} name @returns {Channel} */
    channel(name) {
      return this.#channel(Channel, name);
    }

    /** @param {string} name without "private-" @returns {PrivateChannel} */
    private(name) {
      return this.#channel(PrivateChannel, `private-${name}`);
    }

    /** @param {string} name without "presence-" @returns {PresenceChannel} */
    join(name) {
      return this.#channel(PresenceChannel, `presence-${name}`);
    }

    /** Leave the channels of this name, whatever their kind. @param {string} name */
    leave(name) {
      for (const channel of [name, `private-${name}`, `presence-${name}`]) {
        if (!this.#channels.delete(channel)) continue;
        if (this.#connection.streamed) this.#connection.renew();
        else this.#connection.send("pusher:unsubscribe", { channel });
      }
    }

    #channel(Kind, name) {
      if (!this.#channels.has(name)) {
        const channel = new Kind(name, this.#connection.send);
        this.#channels.set(name, channel);
        this.#subscribe(channel);
      }
      return this.#channels.get(name);
    }

    #make(transport) {
      if (transport === "sse") {
        const channels = new Set(this.#channels.keys());
        return new Stream(this.#streamUrl(), () => this.#headers(), channels);
      }
      const { key } = this.#options;
      const url = `${this.#base}/app/${key}?protocol=7&client=rf.js&version=0.1.0`;
      return new WebSocket(url.replace(/^http/, "ws"));
    }

    #streamUrl() {
      const query = new URLSearchParams({ channels: "" });
      const places = [...this.#channels.values()].map(({ name, _place: place }) => {
        query.append("channel", name);
        return place;
      });
      const id = places.map((place) => (place ? `${place.epoch}:${place.offset}` : ""));
      const last = places.find(Boolean);
      if (last) query.append("lastEventID", [last.socket_id, ...id].join());
      return `${this.#base}/broadcasting/sse?${query}`;
    }

    #headers() {
      const { headers } = this.#options;
      return typeof headers === "function" ? headers() : headers;
    }

    #changed(state, detail) {
      if (!this.socketId) this.#channels.forEach((channel) => (channel._subscribed = false));
      this.#listeners.tell("state", state, detail);
    }

    #receive(frame, data) {
      const { event, channel: name, user_id: userId } = frame;
      const channel = this.#channels.get(name);
      if (channel?._note(frame, this.socketId)) channel._receive(event, data, { userId });
      if (name) return;
      if (event === "pusher:error") this.#listeners.tell("error", data);
      else if (event === "pusher:connection_established") {
        this.#channels.forEach((channel) => this.#subscribe(channel));
        // Left while the stream was on its way:
        if (this.#connection.streamed?.size > this.#channels.size) this.#connection.renew();
      }
    }

    /** Every connection asks anew, since a signature holds for one socket id. */
    async #subscribe(channel) {
      const { name } = channel;
      const { socketId } = this;
      const { streamed } = this.#connection;
      if (streamed) return streamed.has(name) || this.#connection.renew();
      const wanted = () =>
        socketId && socketId === this.socketId && this.#channels.get(name) === channel;
      for (let attempt = 0; wanted(); attempt++) {
        const answer = channel instanceof PrivateChannel ? await this.#authorise(name) : {};
        if (!wanted()) return;
        if (!answer.error) {
          const { auth = "", channel_data } = answer;
          if (channel_data) channel.me = parse(channel_data).user_id;
          const fields = { channel: name, auth, channel_data, recover: channel._place };
          return this.#connection.send("pusher:subscribe", fields);
        }
        const { status } = answer;
        if (status && status !== 429 && status < 500) {
          return channel._receive(REFUSED, answer, {});
        }
        await sleep(backoff(attempt));
      }
    }

    /** The endpoint's answer, or a Refusal, of status 0 when there was none. */
    async #authorise(channel_name) {
      const { authEndpoint } = this.#options;
      const token = document?.querySelector('meta[name="csrf-token"]')?.getAttribute("content");
      let status = 0;
      try {
        const response = await fetch(authEndpoint, {
          method: "POST",
          body: new URLSearchParams({ socket_id: this.socketId, channel_name }),
          headers: {
            Accept: "application/json",
            ...(token && { "X-CSRF-TOKEN": token }),
            ...this.#headers(),
          },
          signal: AbortSignal.timeout(ANSWER),
        });
        status = response.status;
        if (status === 200) return await response.json();
      } catch {} // no network, or no JSON
      return { type: "AuthError", error: `${authEndpoint} answered ${status}`, status };
    }
  }

  globalThis.RF = RF;
})();
