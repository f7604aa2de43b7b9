/* Stands in for the server: sockets that only remember, and an authorisation endpoint. */

window.sockets = [];
window.WebSocket = class {
  sent = [];
  closed = false;

  constructor(url) {
    this.url = url;
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }
};

window.asked = [];
window.answer = () => ({ status: 200, body: { auth: "flask-rf:signature" } });
window.streams = [];
window.streamed = false; // whether the server has streams; else the network refuses
window.fetch = async (url, { body, headers, signal }) => {
  if (url.includes("/broadcasting/sse")) return stream(url, headers, signal);
  asked.push({ url, headers, ...Object.fromEntries(body) });
  const { status, body: json } = await answer();
  return { status, json: async () => json };
};

/** A stream of events; `write` and `end` are the server's. */
function stream(url, headers, signal) {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const write = (text) => writer.write(new TextEncoder().encode(text));
  const stream = { url, headers, signal, write, end: () => writer.close() };
  streams.push(stream);
  if (streamed === false) throw new TypeError("blocked");
  return { ok: streamed === 200, status: streamed, body: readable };
}

Math.random = () => 0.5;

/** Let pending promises go on; a message port is a task that no fake clock holds back. */
window.settle = async (tasks = 1) => {
  while (tasks--) {
    await new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    });
  }
};
