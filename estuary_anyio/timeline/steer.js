// Mouse, touch, keys and the table.
"use strict";

const tip = $("tip"), details = $("details");

function show(from, to) {
  const length = Math.min(Math.max(to - from, Math.min(LEAST, all)), all);
  view.from = Math.min(Math.max(from, 0), all - length);
  view.to = view.from + length;
  draw();
}

function zoom(factor, around = (view.from + view.to) / 2) {
  const length = Math.min(Math.max((view.to - view.from) * factor, Math.min(LEAST, all)), all);
  const share = (around - view.from) / (view.to - view.from);
  show(around - share * length, around + (1 - share) * length);
}

function pan(seconds) {
  show(view.from + seconds, view.to + seconds);
}

function made(tag, name, text) {
  const one = document.createElement(tag);
  one.className = name;
  one.textContent = text;
  return one;
}

function when(item) {
  return item.until > item.at ? `${clock(item.at, 2)} – ${clock(item.until, 2)} (${span(item.until - item.at)})` : clock(item.at, 2);
}

function facts(item) {
  const list = document.createElement("dl");
  for (const [label, value] of item.facts ?? []) {
    const pair = list.appendChild(document.createElement("div"));
    pair.append(made("dt", "", label), made("dd", "", value));
  }
  return list;
}

function choose(place, { move = false } = {}) {
  state.chosen = place;
  details.replaceChildren();
  for (const row of document.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
  if (place === null) return draw();
  const lane = lanes[place.lane], item = itemOf(place);
  const head = made("p", "title", `${lane.title}: ${item.title} `);
  head.append(made("span", "when", when(item)));
  details.append(head);
  if (item.text) details.append(made("p", "said", item.text));
  details.append(facts(item));
  if (canHear(place)) {
    const button = details.appendChild(made("button", "hear", "Hear"));
    button.type = "button";
    button.addEventListener("click", () => hear(place));
  }
  document.querySelector(`.time button[data-lane="${lane.key}"][data-item="${place.item}"]`)?.closest("tr").classList.add("chosen");
  if (move && (item.at < view.from || item.at > view.to)) {
    const half = (view.to - view.from) / 2;
    show(item.at - half, item.at + half);
  }
  draw();
}

// --- keys -------------------------------------------------------------------------------

function step(by) {
  if (state.chosen === null) return enter(lanes.findIndex((lane) => lane.items.length));
  const { lane, item } = state.chosen;
  const next = Math.min(Math.max(item + by, 0), lanes[lane].items.length - 1);
  choose({ lane, item: next }, { move: true });
}

// Into a lane, at what is nearest in time to where one comes from.
function enter(lane) {
  if (lane < 0) return;
  const time = state.chosen === null ? view.from : itemOf(state.chosen).at;
  let best = 0;
  lanes[lane].items.forEach((item, number) => {
    if (Math.abs(item.at - time) < Math.abs(lanes[lane].items[best].at - time)) best = number;
  });
  choose({ lane, item: best }, { move: true });
}

function climb(by) {
  if (state.chosen === null) return step(0);
  let lane = state.chosen.lane + by;
  while (lanes[lane] && !lanes[lane].items.length) lane += by;
  if (lanes[lane]) enter(lane);
}

const KEYS = {
  ArrowLeft: (event) => (event.shiftKey ? pan((view.from - view.to) / 5) : step(-1)),
  ArrowRight: (event) => (event.shiftKey ? pan((view.to - view.from) / 5) : step(1)),
  ArrowUp: () => climb(-1),
  ArrowDown: () => climb(1),
  Home: () => show(0, view.to - view.from),
  End: () => show(all - (view.to - view.from), all),
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: () => show(0, all),
  Enter: () => hear(state.chosen), " ": () => (player.paused ? hear(state.chosen) : hush()),
  Escape: () => { hush(); choose(null); },
};

canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key](event);
});

// --- mouse and touch --------------------------------------------------------------------

const down = new Map();
let moved = 0, spread = 0;

function point(event) {
  const at = canvas.getBoundingClientRect();
  return { x: event.clientX - at.left, y: event.clientY - at.top };
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  down.set(event.pointerId, point(event));
  moved = spread = 0;
});

canvas.addEventListener("pointermove", (event) => {
  const here = point(event), before = down.get(event.pointerId);
  if (!before) return hover(here);
  down.set(event.pointerId, here);
  if (down.size === 2) {
    const [one, other] = [...down.values()];
    const distance = Math.max(Math.hypot(one.x - other.x, one.y - other.y), 20);
    if (spread) zoom(spread / distance, timeAt((one.x + other.x) / 2));
    spread = distance;
    moved = Infinity;
    return;
  }
  moved += Math.abs(here.x - before.x);
  if (moved > 4) {
    canvas.classList.add("dragging");
    tip.hidden = true;
    pan(timeAt(before.x) - timeAt(here.x));
  }
});

function release(event) {
  if (!down.delete(event.pointerId)) return;
  canvas.classList.remove("dragging");
  if (event.type === "pointerup" && moved <= 4) {
    const place = itemAt(point(event).x, point(event).y);
    choose(place);
    hear(place);
  }
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => { state.over = null; tip.hidden = true; draw(); });

function hover({ x: px, y: py }) {
  const place = itemAt(px, py);
  if (!same(place, state.over)) {
    state.over = place;
    canvas.classList.toggle("over", place !== null);
    draw();
  }
  tip.hidden = place === null;
  if (place === null) return;
  const item = itemOf(place);
  tip.replaceChildren(made("b", "", item.title), made("span", "", when(item)));
  if (item.text && item.text !== item.title) tip.append(made("span", "said", item.text));
  for (const [label, value] of item.facts ?? []) tip.append(made("div", "", `${label}: ${value}`));
  if (canHear(place)) tip.append(made("div", "", "click to hear"));
  tip.style.left = `${Math.max(0, Math.min(px + 14, box.width - tip.offsetWidth))}px`;
  tip.style.top = `${py + 18}px`;
}

canvas.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(event.deltaY / 250), timeAt(point(event).x));
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    pan(((event.deltaX || event.deltaY) / box.width) * (view.to - view.from));
  } else return;
  event.preventDefault();
}, { passive: false });

function look(event) {
  const at = overview.getBoundingClientRect(), half = (view.to - view.from) / 2;
  const time = ((event.clientX - at.left - box.gutter) / (box.width - box.gutter)) * all;
  show(time - half, time + half);
}
overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); look(event); });
overview.addEventListener("pointermove", (event) => { if (event.buttons) look(event); });

// --- buttons ----------------------------------------------------------------------------

$("in").addEventListener("click", () => zoom(0.6));
$("out").addEventListener("click", () => zoom(1 / 0.6));
$("fit").addEventListener("click", () => show(0, all));

document.querySelector("table").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const lane = lanes.findIndex((one) => one.key === button.dataset.lane);
  const place = { lane, item: Number(button.dataset.item) };
  if ("play" in button.dataset) return hear(place);
  choose(place, { move: true });
  canvas.scrollIntoView({ block: "nearest" });
});

// --- beginning --------------------------------------------------------------------------

function again() { measure(); paint(); }
new ResizeObserver(again).observe(canvas.parentElement);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
again();
