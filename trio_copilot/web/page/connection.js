// One WebSocket after another: says hello, and reconnects when it is lost.

const BAD_TOKEN = 4401;
const FIRST_WAIT = 500; // milliseconds; each further wait is twice as long
const LONGEST_WAIT = 15_000;

const WHY = {
  1001: "The server has stopped",
  1008: "The server has closed the connection",
  1009: "The message was too long",
  1011: "The session was lost",
  1013: "The server has too many connections",
};

export class Connection {
  #url;
  #token;
  #on;
  #socket = null;
  #timer = 0;
  #failures = 0;

  // `on` has the callbacks `ready(message)`, `message(message)`, `lost(why)` and
  // `refused(why)`.
  constructor(url, token, on) {
    this.#url = url;
    this.#token = token;
    this.#on = on;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => this.#hurry());
    this.#open();
  }

  send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #open() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.send({ type: "hello", token: this.#token });
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#closed(event);
  }

  #receive(message) {
    if (message.type === "ready") {
      this.#failures = 0;
      this.#on.ready(message);
    } else {
      this.#on.message(message);
    }
  }

  #closed(event) {
    if (event.code === BAD_TOKEN) {
      this.#on.refused("This is not the access token. The server may have been restarted.");
      return;
    }
    this.#on.lost(WHY[event.code] ?? "The connection was lost");
    const wait = Math.min(FIRST_WAIT * 2 ** this.#failures++, LONGEST_WAIT);
    this.#timer = setTimeout(() => this.#again(), wait * (0.5 + Math.random() / 2));
  }

  #again() {
    this.#timer = 0;
    this.#open();
  }

  // The page is visible again, or the network is back: do not wait any longer.
  #hurry() {
    if (this.#timer && !document.hidden) {
      clearTimeout(this.#timer);
      this.#again();
    }
  }
}
