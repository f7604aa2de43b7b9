// What a scenario finds in its world, under Node and in a browser alike.

const PATIENCE = 20000; // milliseconds
const opened = [];

/**
 * `link` is the way to the server: its `port`, and what can happen to it: `cut()` ends what goes
 * through and lets nothing pass till `restore()`. `publish(channel, body, socketId)` goes past it.
 */
export function makeWorld({ Pusher, Echo, link, restart, publish }) {
  const { port } = link;
  const origin = `http://127.0.0.1:${port}`;
  const tag = Math.random().toString(36).slice(2, 8);

  function options(user) {
    const headers = { "X-User": user };
    return {
      cluster: "",
      wsHost: "127.0.0.1",
      wsPort: port,
      forceTLS: false,
      enabledTransports: ["ws"],
      channelAuthorization: { endpoint: `${origin}/broadcasting/auth`, headers },
      userAuthentication: { endpoint: `${origin}/broadcasting/user-auth`, headers },
    };
  }

  return {
    /** Distinguishes this run's channels and users from all others'. */
    tag,
    restart,
    Pusher,
    link,

    connect(user = "", key = "flask-rf") {
      const pusher = new Pusher(key, options(user));
      opened.push(pusher);
      return pusher;
    },

    echo(user = "") {
      const echo = new Echo({ broadcaster: "pusher", key: "flask-rf", Pusher, ...options(user) });
      opened.push(echo);
      return echo;
    },

    /** Has the app send a `message`, leaving out the socket of the page that asks for it. */
    async publish(channel, data, socketId = "") {
      equal(await publish(channel, JSON.stringify(data), socketId), 204);
    },
  };
}

export function disconnectAll() {
  while (opened.length) opened.pop().disconnect();
}

/** What `start` is called back with first. */
export function first(what, start) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE).unref?.();
    start(resolve);
  });
}

/** The data of an event's next occurrence. */
export const heard = (target, event) =>
  first(event, (resolve) => {
    const once = (data) => (target.unbind(event, once), resolve(data));
    target.bind(event, once);
  });

/** The channel, once the client may hear it. */
export async function joined(pusher, name) {
  const channel = pusher.subscribe(name);
  await heard(channel, "pusher:subscription_succeeded");
  return channel;
}

export function signedIn(pusher) {
  pusher.signin();
  return first("sign-in", (resolve) => pusher.user.signinDonePromise.then(resolve));
}

export function equal(found, wanted) {
  const [a, b] = [found, wanted].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${a} is not ${b}`);
}
