// A Node Socket.IO server that does what the texts of its clients ask for; see ../servers.py.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { pingInterval: 300, pingTimeout: 5000 });
const seen = { texts: [], left: [], acks: [] };
let numbers = 0;

const say = (socket, text, more = {}) => {
  const id = more.message_id ?? `m${++numbers}`;
  socket.emit("bot_response", { text, is_final: true, message_id: id, ...more });
};

const acts = {
  stream(socket) {
    const id = `m${++numbers}`;
    let text = "";
    for (const partial of ["One ", "two ", "three"]) {
      text += partial;
      socket.emit("bot_response", { text, partial, is_final: false, message_id: id });
    }
    say(socket, text, { message_id: id, partial: "" });
  },
  delta(socket) {
    const id = `m${++numbers}`;
    for (const text of ["One ", "two ", "three"]) {
      socket.emit("bot_response", { text, partial: true, is_final: false, message_id: id });
    }
    say(socket, "", { message_id: id, partial: false });
  },
  ack(socket) {
    socket.emit("motive_updated", { motive: "x" }, (...args) => {
      seen.acks.push(args);
      say(socket, "acknowledged");
    });
  },
  binary(socket) {
    socket.emit("picture", { of: Buffer.from([0, 1, 255]), and: [Buffer.alloc(70000, 7)] });
    say(socket, "after the picture");
  },
  large(socket) {
    say(socket, "x".repeat(500000));
  },
  report(socket) {
    say(socket, JSON.stringify(seen));
  },
  kick(socket) {
    socket.disconnect();
  },
  close(socket) {
    socket.conn.close();
  },
};

const sdk = io.of("/sdk");
sdk.use((socket, next) => {
  const key = socket.handshake.auth.api_key;
  next(key === "est_refused" ? new Error("no such key") : undefined);
});
sdk.on("connection", (socket) => {
  if (socket.handshake.auth.api_key === "est_rejected") {
    socket.emit("auth_error", { error: "the key was revoked" });
    socket.disconnect();
    return;
  }
  socket.emit("session_info", {
    session_id: socket.id,
    conversation_id: "c",
    character_id: socket.handshake.auth.character_id,
    player_id: socket.handshake.auth.player_id,
  });
  socket.on("text", ({ text }) => {
    seen.texts.push(text);
    const act = acts[text];
    if (act) act(socket);
    else say(socket, text);
  });
  socket.on("start_voice", (...args) => args.at(-1)?.());
  socket.on("stop_voice", (...args) => args.at(-1)?.());
  socket.on("disconnect", (reason) => seen.left.push([socket.handshake.auth.player_id, reason]));
});

http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(http.address().port);
});
process.on("SIGTERM", () => io.close(() => process.exit(0)));
