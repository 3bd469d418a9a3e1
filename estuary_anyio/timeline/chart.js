// What is drawn, and where. Times are seconds, sizes CSS pixels.
"use strict";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const lanes = data.lanes;
const canvas = $("chart");
const overview = $("overview");
const ctx = canvas.getContext("2d");

const ROW = { connection: 22, reconnects: 16, speech: 42, said: 24, text: 28, voice: 46, interruptions: 20, actions: 24, dropped: 18 };
const AXIS = 24, GAP = 4, PAD = 7, EMPTY = 24, NARROW = 640, LEAST = 0.25;
const FONT = "12.5px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const BEHIND = new Set(["listening"]);

const view = { from: 0, to: Math.max(data.seconds, LEAST) };
const all = view.to;
const state = { chosen: null, over: null, playing: null };
let box = { width: 0, height: 0, gutter: 0, tops: [] };
let colours = {};

const x = (time) => box.gutter + ((time - view.from) / (view.to - view.from)) * (box.width - box.gutter);
const timeAt = (px) => view.from + ((px - box.gutter) / (box.width - box.gutter)) * (view.to - view.from);
const same = (a, b) => a !== null && b !== null && a.lane === b.lane && a.item === b.item;
const itemOf = (place) => lanes[place.lane].items[place.item];

function clock(seconds, digits = 1) {
  const unit = 10 ** digits;
  const whole = Math.round(seconds * unit);
  const minutes = Math.floor(whole / (60 * unit));
  const rest = ((whole - minutes * 60 * unit) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function span(seconds) {
  if (seconds < 0.9995) return `${(1000 * seconds).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  return seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 2 : 1)} s` : clock(seconds);
}

// --- geometry ---------------------------------------------------------------------------

function measure() {
  const style = getComputedStyle(document.documentElement);
  colours = new Proxy({}, { get: (known, name) => (known[name] ??= style.getPropertyValue(`--${name}`).trim()) });
  const width = canvas.parentElement.clientWidth;
  const narrow = width < NARROW;
  const strip = narrow ? 18 : 0;
  let top = AXIS;
  const tops = lanes.map((lane) => {
    const rows = lane.items.reduce((most, item) => Math.max(most, item.row + 1), 0);
    const height = rows ? strip + rows * (ROW[lane.key] + GAP) - GAP + 2 * PAD : EMPTY;
    top += height;
    return { top: top - height, height, first: top - height + PAD + strip };
  });
  box = { width, height: top, gutter: narrow ? 0 : 136, narrow, tops };
  for (const [one, height] of [[canvas, top], [overview, 30]]) {
    one.width = Math.round(width * devicePixelRatio);
    one.height = Math.round(height * devicePixelRatio);
    one.style.height = `${height}px`;
  }
}

function rowTop(lane, row) {
  return box.tops[lane].first + row * (ROW[lanes[lane].key] + GAP);
}

// The item at this point, or null. What is drawn behind others comes last.
function itemAt(px, py) {
  const lane = box.tops.findIndex((one) => py >= one.top && py < one.top + one.height);
  if (lane < 0) return null;
  let best = null, distance = 7;
  lanes[lane].items.forEach((item, number) => {
    const y = rowTop(lane, item.row);
    if (py < y - GAP || py > y + ROW[lanes[lane].key] + GAP) return;
    const off = Math.max(x(item.at) - px, px - x(item.until), 0) + (BEHIND.has(item.kind) ? 6 : 0);
    if (off < distance) [best, distance] = [{ lane, item: number }, off];
  });
  return best;
}

// --- drawing ----------------------------------------------------------------------------

let asked = false;
function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; paint(); });
}

function paint() {
  const { width, height, gutter } = box;
  ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = FONT;
  ctx.textBaseline = "middle";
  paintAxis();
  ctx.save();
  ctx.beginPath();
  ctx.rect(gutter, 0, width - gutter, height);
  ctx.clip();
  paintAcross();
  lanes.forEach((lane, number) => paintLane(lane, number));
  if (state.playing) {
    ctx.fillStyle = colours.ink;
    ctx.fillRect(x(state.playing.time) - 0.75, AXIS, 1.5, height - AXIS);
  }
  ctx.restore();
  lanes.forEach(paintTitle);
  paintOverview();
  $("range").textContent = `${clock(view.from)} – ${clock(view.to)}`;
}

function tickStep() {
  const least = ((view.to - view.from) / (box.width - box.gutter)) * 84;
  return [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((one) => one >= least) ?? Math.max(7200, least);
}

function paintAxis() {
  const step = tickStep();
  ctx.textAlign = "left";
  for (let tick = Math.ceil(view.from / step) * step; tick <= view.to; tick += step) {
    ctx.fillStyle = colours.grid;
    ctx.fillRect(Math.round(x(tick)), AXIS - 6, 1, box.height);
    ctx.fillStyle = colours.soft;
    ctx.fillText(clock(tick, step < 0.1 ? 2 : step < 1 ? 1 : 0), Math.round(x(tick)) + 4, AXIS / 2 - 1);
  }
}

// What concerns all lanes: the time without a connection, and interruptions.
function paintAcross() {
  for (const lane of lanes) {
    for (const item of lane.items) {
      if (item.until < view.from || item.at > view.to) continue;
      if (lane.key === "reconnects") {
        ctx.fillStyle = colours.reconnects;
        ctx.globalAlpha = 0.1;
        ctx.fillRect(x(item.at), AXIS, Math.max(1, x(item.until) - x(item.at)), box.height);
      } else if (lane.key === "interruptions") {
        ctx.fillStyle = colours.interruptions;
        ctx.globalAlpha = 0.35;
        ctx.fillRect(x(item.at) - 0.5, AXIS, 1, box.height);
      }
      ctx.globalAlpha = 1;
    }
  }
}

function paintTitle(lane, number) {
  const { top, height } = box.tops[number];
  ctx.fillStyle = colours.line;
  ctx.fillRect(0, top, box.width, 1);
  const left = box.narrow ? 2 : 0, middle = box.narrow && lane.items.length ? top + 12 : top + height / 2;
  ctx.font = FONT;
  ctx.textAlign = "left";
  ctx.fillStyle = lane.items.length ? colours.ink : colours.soft;
  ctx.globalAlpha = lane.items.length ? 1 : 0.7;
  ctx.fillText(lane.title, left, middle);
  if (!lane.items.length) {
    ctx.fillText("–", box.narrow ? left + ctx.measureText(lane.title).width + 8 : box.gutter + 4, middle);
  }
  ctx.globalAlpha = 1;
}

function paintLane(lane, number) {
  const next = [];
  // From right to left, so that each label knows where the next item of its row begins.
  for (let place = lane.items.length - 1; place >= 0; place--) {
    const item = lane.items[place];
    const limit = next[item.row] ?? Infinity;
    if (!BEHIND.has(item.kind)) next[item.row] = x(item.at);
    if (item.at > view.to || (item.until < view.from && limit < box.gutter)) continue;
    paintItem(lane, { lane: number, item: place }, item, limit);
  }
}

function colourOf(lane, item) {
  if (item.kind === "fault" || item.kind === "error" || item.kind === "lost") return colours.dropped;
  if (lane.key === "connection") return { connected: colours.connection, reconnecting: colours.reconnects }[item.kind] ?? colours.wait;
  return colours[lane.key];
}

function paintItem(lane, place, item, limit) {
  const top = rowTop(place.lane, item.row), height = ROW[lane.key];
  const left = x(item.at), width = Math.max(x(item.until) - left, 0), colour = colourOf(lane, item);
  ctx.fillStyle = ctx.strokeStyle = colour;
  if (BEHIND.has(item.kind)) {
    ctx.globalAlpha = 0.45;
    ctx.fillRect(left, top + height - 2, width, 2);
    ctx.globalAlpha = 1;
  } else if (item.wave) {
    paintWave(item, left, top, Math.max(width, 1), height);
  } else if (width < 3) {
    paintMoment(item, left, top + height / 2);
  } else {
    paintBar(item, left, top, width, height);
  }
  if (item.kind === "cut" || item.kind === "silenced") {
    ctx.fillStyle = colours.interruptions;
    const end = width < 12 ? 1 : 3;
    ctx.fillRect(left + width - end / 2, top - 1, end, height + 2);
  }
  if (!BEHIND.has(item.kind) && !item.wave) paintLabel(item, left, width, top + height / 2, limit);
  paintRing(place, item, left, top, width, height);
}

function paintBar(item, left, top, width, height) {
  ctx.globalAlpha = 0.17;
  ctx.beginPath();
  ctx.roundRect(left, top, width, height, Math.min(5, width / 2));
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.fillRect(left, top, Math.min(3, width), height);
  ctx.globalAlpha = 0.5;
  if (item.marks && width > 2.5 * item.marks.length) {
    for (const mark of item.marks) ctx.fillRect(x(mark), top + height - 3, 1, 3);
  }
  ctx.globalAlpha = 1;
}

function paintMoment(item, left, middle) {
  ctx.beginPath();
  if (item.kind === "fault") {
    ctx.moveTo(left, middle - 5.5); ctx.lineTo(left + 5.5, middle + 4.5); ctx.lineTo(left - 5.5, middle + 4.5);
  } else {
    ctx.roundRect(left - 2, middle - 8, 4, 16, 2);
  }
  ctx.fill();
}

const decoded = new Map();
function peaksOf(wave) {
  if (!decoded.has(wave)) decoded.set(wave, Uint8Array.from(atob(wave.peaks), (one) => one.charCodeAt(0)));
  return decoded.get(wave);
}

function paintWave(item, left, top, width, height) {
  const peaks = peaksOf(item.wave), middle = top + height / 2;
  ctx.globalAlpha = 0.1;
  ctx.beginPath();
  ctx.roundRect(left, top, width, height, Math.min(5, width / 2));
  ctx.fill();
  ctx.globalAlpha = 0.9;
  const columns = Math.max(1, Math.min(Math.floor(width / 2.5), peaks.length)), step = width / columns;
  const begin = Math.max(0, Math.floor((box.gutter - left) / step)), end = Math.min(columns, Math.ceil((box.width - left) / step));
  for (let column = begin; column < end; column++) {
    let peak = 0;
    const until = Math.max((column + 1) * peaks.length / columns, column * peaks.length / columns + 1);
    for (let at = Math.floor(column * peaks.length / columns); at < until; at++) peak = Math.max(peak, peaks[at] ?? 0);
    const half = Math.max(0.75, ((peak / 255) ** 0.75 * height) / 2 - 1);
    ctx.fillRect(left + column * step, middle - half, Math.max(step * 0.62, 0.8), 2 * half);
  }
  ctx.globalAlpha = 1;
}

function paintLabel(item, left, width, middle, limit) {
  if (left + Math.max(width, 3) < box.gutter) return;
  const begin = Math.max(left + (width < 3 ? 7 : 9), box.gutter + 6);
  const room = Math.min(limit - 5, box.width) - begin;
  const text = fitted((item.text || item.title).slice(0, 240), room);
  ctx.fillStyle = colours.ink;
  ctx.textAlign = "left";
  if (text) ctx.fillText(text, begin, middle + 0.5);
}

function fitted(text, room) {
  if (room < 16) return "";
  if (ctx.measureText(text).width <= room) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (ctx.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  return low > 1 ? `${text.slice(0, low).trimEnd()}…` : "";
}

// A ring around what is chosen, a faint one around what belongs to the same message.
function paintRing(place, item, left, top, width, height) {
  const focus = state.over ?? state.chosen;
  const kin = focus !== null && item.message_id && itemOf(focus).message_id === item.message_id;
  if (!same(place, state.chosen) && !same(place, state.over) && !kin) return;
  ctx.strokeStyle = same(place, state.chosen) ? colours.focus : colours.soft;
  ctx.lineWidth = same(place, state.chosen) ? 2 : 1;
  ctx.beginPath();
  ctx.roundRect(left - 3.5, top - 2, Math.max(width, 1) + 7, height + 4, 6);
  ctx.stroke();
}

function paintOverview() {
  const pen = overview.getContext("2d"), gutter = box.gutter, width = box.width - gutter;
  const at = (time) => gutter + (time / all) * width;
  pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  pen.clearRect(0, 0, box.width, 30);
  pen.fillStyle = colours.page;
  pen.beginPath();
  pen.roundRect(gutter, 0, width, 30, 6);
  pen.fill();
  for (const [key, top] of [["speech", 4], ["said", 8], ["text", 13], ["voice", 18], ["interruptions", 24], ["reconnects", 24]]) {
    pen.fillStyle = colours[key];
    for (const item of lanes.find((lane) => lane.key === key).items) {
      if (!BEHIND.has(item.kind)) pen.fillRect(at(item.at), top, Math.max(1.5, at(item.until) - at(item.at)), 3);
    }
  }
  if (view.to - view.from > all - 1e-6) return;
  pen.fillStyle = colours.card;
  pen.globalAlpha = 0.65;
  pen.fillRect(gutter, 0, at(view.from) - gutter, 30);
  pen.fillRect(at(view.to), 0, box.width - at(view.to), 30);
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.soft;
  pen.strokeRect(at(view.from) + 0.5, 0.5, Math.max(2, at(view.to) - at(view.from) - 1), 29);
}
