// Sounds that are in the page, made into WAV when they are asked for.
"use strict";

const player = $("player");
let address = "";

function wavOf(number, rate) {
  const text = atob($(`sound-${number}`).textContent.trim());
  const bytes = new Uint8Array(44 + text.length);
  const head = new DataView(bytes.buffer);
  const word = (at, letters) => [...letters].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF"); head.setUint32(4, 36 + text.length, true); word(8, "WAVEfmt ");
  head.setUint32(16, 16, true); head.setUint16(20, 1, true); head.setUint16(22, 1, true);
  head.setUint32(24, rate, true); head.setUint32(28, 2 * rate, true);
  head.setUint16(32, 2, true); head.setUint16(34, 16, true);
  word(36, "data"); head.setUint32(40, text.length, true);
  for (let i = 0; i < text.length; i++) bytes[44 + i] = text.charCodeAt(i);
  return new Blob([bytes], { type: "audio/wav" });
}

function canHear(place) {
  return place !== null && itemOf(place).sound !== undefined;
}

function hear(place) {
  if (!canHear(place)) return;
  const item = itemOf(place);
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(wavOf(item.sound, item.wave.rate));
  player.src = address;
  player.hidden = false;
  player.setAttribute("aria-label", item.title);
  state.playing = { ...place, time: item.at };
  player.play().then(follow, () => {});
}

function follow() {
  if (!state.playing) return;
  const item = itemOf(state.playing);
  state.playing.time = item.at + (player.currentTime / item.wave.seconds) * (item.until - item.at);
  draw();
  if (!player.paused) requestAnimationFrame(follow);
}

function hush() {
  player.pause();
  state.playing = null;
  draw();
}

player.addEventListener("play", follow);
player.addEventListener("seeking", follow);
player.addEventListener("ended", () => { state.playing = null; draw(); });
