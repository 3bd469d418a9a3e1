// A Node Socket.IO client that does what the lines of its input say, and writes down what it is told.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

let socket;
const tell = (event, data) => console.log(JSON.stringify({ event, data }));

const acts = {
  connect({ url, auth, reconnect }) {
    socket = io(`${url}/sdk`, {
      auth,
      reconnection: reconnect ?? false,
      reconnectionDelay: 20,
      transports: ["websocket"],
      forceNew: true,
    });
    socket.on("connect", () => tell("connect"));
    socket.on("connect_error", (error) => tell("connect_error", error.message));
    socket.on("disconnect", (reason) => tell("disconnect", reason));
    socket.onAny((name, data) => tell(name, data));
  },
  emit({ name, data, ack }) {
    const more = ack ? [(...args) => tell("ack", args)] : [];
    socket.emit(name, ...(data === undefined ? [] : [data]), ...more);
  },
  binary({ name, bytes }) {
    socket.emit(name, { data: Buffer.from(bytes, "base64") }, (...args) => tell("ack", args));
  },
  disconnect() {
    socket.disconnect();
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { do: what, ...how } = JSON.parse(line);
  acts[what](how);
}).on("close", () => process.exit(0));
