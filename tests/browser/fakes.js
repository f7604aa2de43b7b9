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
window.fetch = async (url, { body, headers }) => {
  asked.push({ url, headers, ...Object.fromEntries(body) });
  const { status, body: json } = await answer();
  return { status, json: async () => json };
};

Math.random = () => 0.5;

/** Let pending promises go on; a message port is a task that no fake clock holds back. */
window.settle = () =>
  new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0);
  });
