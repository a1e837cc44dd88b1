// The page of `ttpo pick`: photos that wait, the marks of a person, and what is asked of the server. Pictures move in view.js.

import { View } from "./view.js";

const state = { photos: [], place: -1, photo: null, best: null, worst: null, slider: false, left: 0, right: 1, split: 50, done: [], busy: false };
let root = null;
let view = null;
const find = (id) => root.querySelector(`#pick-${id}`);

// ---- the server

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const ask = async (address, body) => {
  const options = body && { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  let answer;
  try {
    answer = await fetch(`/pick/${address}`, options);
  } catch {
    throw new Refused(0, "the server does not answer: start `ttpo pick` again, and open the address that it prints");
  }
  const kind = answer.headers.get("content-type") ?? "";
  const told = kind.includes("json") ? await answer.json() : { error: (await answer.text()).trim() };
  if (!answer.ok) throw new Refused(answer.status, typeof told.error === "string" ? told.error : `the server said ${answer.status}`);
  return told;
};

const picture = (address, row, size) => `/pick/picture/${address}/${row}/${size}`;

// ---- what is said

const say = (text, kind = "") => {
  find("told").textContent = text;
  find("told").className = kind;
};

const name = (row) => (row === 0 ? "restored" : `${row}`);

const ready = () => {
  const left = state.photos.filter((photo) => !photo.pair).length;
  const touch = matchMedia("(pointer: coarse)").matches;
  const pair = state.photos[state.place]?.pair;
  if (!left && state.done.length) {
    return say("All are picked. Run the same `ttpo restore … --select later` again: it finishes them. You can close this page.", "said");
  }
  if (pair) return say(`Picked: ${name(pair[0])} over ${name(pair[1])}. Mark again to change it.`);
  say(touch ? "Which is the best, which the worst? 0 is the restored image." : "Which is the best (1 to 9), which the worst (Shift + 1 to 9)? 0 is the restored image.");
};

const count = () => {
  const picked = state.photos.filter((photo) => photo.pair).length;
  const total = state.photos.length;
  find("count").textContent = `Photo ${state.place + 1} of ${total} · ${picked} picked · ${total - picked} left`;
  const bar = find("progress");
  bar.setAttribute("aria-valuemax", total);
  bar.setAttribute("aria-valuenow", picked);
  bar.firstElementChild.style.width = `${(100 * picked) / Math.max(1, total)}%`;
};

// ---- drawing

const element = (tag, className, ...children) => {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
};

// A picture that becomes the full one when its pixels are looked at.
const image = (row) => {
  const made = element("img", "");
  made.alt = row === 0 ? "restored image" : `candidate ${row}`;
  made.draggable = false;
  made.dataset.row = row;
  made.src = picture(state.photo.address, row, "view");
  made.addEventListener("error", () => made.replaceWith(element("span", "absent", `candidate ${row} cannot be shown`)));
  return made;
};

const button = (kind, text, row) => {
  const made = element("button", `mark-${kind}`, text);
  made.type = "button";
  made.setAttribute("aria-label", `${text}: ${row === 0 ? "restored image" : `candidate ${row}`}`);
  made.addEventListener("click", () => mark(kind, row));
  return made;
};

const caption = (row, ...before) => {
  const made = element("figcaption", "pick-caption", ...before, button("best", "Best", row), button("worst", "Worst", row));
  made.dataset.row = row;
  return made;
};

const tag = (row, side) => {
  const made = element("span", `pick-tag ${side}`, `${row}`);
  if (row === 0) made.append(element("small", "", " restored"));
  return made;
};

const drawGrid = () => {
  const panes = [...Array(state.photo.rows).keys()].map((row) => {
    const pane = element("figure", "pick-pane", element("div", "pick-frame", image(row), tag(row, "left")), caption(row));
    pane.dataset.row = row;
    return pane;
  });
  find("stage").replaceChildren(...panes);
  arrange();
  view.show(panes.map((pane) => pane.firstElementChild), state.photo.width, state.photo.height);
};

// The number of columns that makes the pictures largest; where that is too small to see anything, two columns to scroll through.
const arrange = () => {
  const stage = find("stage");
  if (state.slider || !state.photo) return;
  const style = getComputedStyle(stage);
  const [gap, padding] = [parseFloat(style.columnGap), 2 * parseFloat(style.paddingLeft)];
  const below = parseFloat(getComputedStyle(stage.querySelector(".pick-caption")).height) + 4;
  const [wide, high, panes] = [stage.clientWidth - padding, stage.clientHeight - padding, state.photo.rows];
  const ratio = state.photo.width / state.photo.height;
  const sizes = [...Array(panes).keys()].map((index) => {
    const [columns, rows] = [index + 1, Math.ceil(panes / (index + 1))];
    const room = [(wide - gap * index) / columns - 4, (high - gap * (rows - 1)) / rows - below];
    return { columns, width: Math.min(room[0], room[1] * ratio), room };
  });
  let best = sizes.reduce((one, other) => (other.width > one.width ? other : one));
  if (best.width < 150) {
    const columns = Math.min(panes, Math.max(2, Math.floor(wide / 200)));
    const width = (wide - gap * (columns - 1)) / columns - 4;
    best = { columns, width, room: [width, width / ratio] };
  }
  const width = Math.min(best.room[0], Math.max(best.width, 170));
  stage.style.gridTemplateColumns = `repeat(${best.columns}, ${width + 4}px)`;
  stage.style.gridAutoRows = `${Math.min(best.room[1], width / ratio) + below}px`;
};

const drawSlider = () => {
  const half = (side, row) => element("div", `pick-half ${side}`, image(row));
  const divider = element("div", "pick-divider");
  Object.assign(divider, { tabIndex: 0, role: "slider" });
  divider.setAttribute("role", "slider");
  divider.setAttribute("aria-label", "Divider between left and right");
  const tags = ["left", "right"].map((side) => tag(state[side], side));
  const frame = element("div", "pick-frame", half("right", state.right), half("left", state.left), ...tags, divider);
  const sides = element("div", "pick-sides", ...["left", "right"].map((side) => caption(state[side], chooser(side))));
  const pane = element("figure", "pick-pane", frame);
  find("stage").replaceChildren(pane, sides);
  const split = (percent) => {
    state.split = Math.min(100, Math.max(0, percent));
    frame.style.setProperty("--split", `${state.split}%`);
    divider.setAttribute("aria-valuenow", Math.round(state.split));
  };
  split(state.split);
  divider.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    const box = frame.getBoundingClientRect();
    if (divider.hasPointerCapture(event.pointerId)) split((100 * (event.clientX - box.left)) / box.width);
  });
  divider.addEventListener("pointerup", () => divider.blur());
  divider.addEventListener("dblclick", (event) => event.stopPropagation());
  divider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (!by) return;
    event.stopPropagation();
    split(state.split + by);
  });
  view.show([frame], state.photo.width, state.photo.height, (where) => split((100 * where.left) / frame.clientWidth));
};

const chooser = (side) => {
  const made = element("select", "");
  made.setAttribute("aria-label", side);
  const options = [...Array(state.photo.rows).keys()].map((row) => new Option(row === 0 ? "0: restored" : `${row}: candidate`, row, false, row === state[side]));
  made.append(...options);
  made.addEventListener("change", () => compare(side, Number(made.value)));
  return made;
};

const compare = (side, row) => {
  const other = side === "left" ? "right" : "left";
  if (state[other] === row) state[other] = state[side];
  state[side] = row;
  draw();
};

const draw = () => {
  root.classList.toggle("under-slider", state.slider);
  find("grid").setAttribute("aria-pressed", !state.slider);
  find("slider").setAttribute("aria-pressed", state.slider);
  if (!state.photo) return;
  find("stage").removeAttribute("style");
  (state.slider ? drawSlider : drawGrid)();
  drawMarks();
};

// The marks that are being made, else the pick that holds.
const drawMarks = () => {
  const marked = state.best !== null || state.worst !== null;
  const [best, worst] = marked ? [state.best, state.worst] : state.photos[state.place]?.pair ?? [null, null];
  for (const part of root.querySelectorAll("[data-row]:not(img)")) {
    const row = Number(part.dataset.row);
    part.classList.toggle("best", row === best);
    part.classList.toggle("worst", row === worst);
    part.querySelector(".mark-best")?.setAttribute("aria-pressed", row === best);
    part.querySelector(".mark-worst")?.setAttribute("aria-pressed", row === worst);
  }
};

// After each move: how large, and whether the smaller pictures are still good enough for it.
const moved = () => {
  const percent = `${Math.round(view.scale * 100)} %`;
  find("zoom").textContent = view.zoom > 1.01 ? percent : `Fit ${percent}`;
  const side = state.photo && Math.max(state.photo.width, state.photo.height);
  if (!side || side <= state.photo.view || view.scale * side <= state.photo.view * 1.05) return;
  for (const shown of root.querySelectorAll(".pick-frame img:not([data-full])")) {
    shown.dataset.full = "asked";
    const full = new Image();
    full.src = picture(state.photo.address, shown.dataset.row, "full");
    full.decode().then(() => (shown.src = full.src)).catch(() => delete shown.dataset.full);
  }
};

// ---- going from photo to photo

const open = async (place) => {
  state.place = place;
  Object.assign(state, { photo: null, best: null, worst: null });
  find("again").hidden = true;
  const { address, name: title } = state.photos[place];
  find("name").textContent = title;
  find("name").title = title;
  count();
  try {
    const photo = await ask(`photo/${address}`);
    if (state.photos[state.place]?.address !== address) return;
    state.photo = { address, ...photo };
    state.photos[place].pair = photo.pair;
    const { rows } = photo;
    if (state.right >= rows || state.left >= rows) Object.assign(state, { left: 0, right: rows > 1 ? 1 : 0 });
    draw();
    count();
    foresee();
  } catch (error) {
    if (state.photos[state.place]?.address !== address) return;
    find("stage").replaceChildren();
    say(error.message, "wrong");
  }
};

const nextWaiting = () => {
  const after = [...state.photos.slice(state.place + 1), ...state.photos.slice(0, state.place)].find((photo) => !photo.pair);
  return after ? state.photos.indexOf(after) : -1;
};

// The pictures of the photo that will come next are fetched while the person looks at this one.
const foresee = async () => {
  const next = state.photos[nextWaiting()];
  if (!next || next.foreseen) return;
  next.foreseen = true;
  try {
    const { rows } = await ask(`photo/${next.address}`);
    for (const row of Array(rows).keys()) new Image().src = picture(next.address, row, "view");
  } catch {
    next.foreseen = false; // it will say so when it is opened
  }
};

const step = (by) => {
  if (state.busy || !state.photos.length) return;
  open((state.place + by + state.photos.length) % state.photos.length).then(() => state.photo && ready());
};

const skip = () => {
  if (state.busy) return;
  const next = nextWaiting();
  if (next < 0) say("No other photo waits for a pick.", "said");
  else open(next).then(() => state.photo && ready());
};

// What another window, another program or a run of `ttpo restore` changed meanwhile.
const refresh = async () => {
  const address = state.photos[state.place]?.address;
  state.photos = await ask("photos");
  const place = state.photos.findIndex((photo) => photo.address === address);
  if (place >= 0) {
    state.place = place;
    count();
    if (state.photo) drawMarks();
  } else if (state.photos.length) {
    const waiting = state.photos.findIndex((photo) => !photo.pair);
    await open(Math.max(0, waiting));
  } else {
    find("stage").replaceChildren();
    find("name").textContent = "Nothing waits";
  }
  return place >= 0;
};

// ---- picking

const mark = (kind, row) => {
  if (state.busy || !state.photo || row >= state.photo.rows) return;
  const other = kind === "best" ? "worst" : "best";
  state[kind] = state[kind] === row ? null : row;
  if (state[other] === row) state[other] = null;
  drawMarks();
  if (state.best !== null && state.worst !== null) save();
  else if (state.best === null && state.worst === null) ready();
  else say(state.best !== null ? `Best: ${name(state.best)}. And the worst?` : `Worst: ${name(state.worst)}. And the best?`, "said");
};

const save = async () => {
  const photo = state.photos[state.place];
  const [pair, held] = [[state.best, state.worst], photo.pair];
  if (!(await write(photo, pair, held))) return;
  state.done.push({ address: photo.address, before: held, after: pair });
  const text = `${photo.name}: ${name(pair[0])} over ${name(pair[1])}, written.`;
  const next = nextWaiting();
  if (next < 0) {
    Object.assign(state, { best: null, worst: null });
    count();
    drawMarks();
    ready();
  } else {
    await open(next);
    if (state.photo) say(text, "said");
  }
};

// Whether the pick is in the file now. Marks stay where it is not, so that nothing is lost.
const write = async (photo, pair, held) => {
  state.busy = true;
  find("again").hidden = true;
  try {
    await ask("choose", { address: photo.address, pair, held });
    photo.pair = pair;
    return true;
  } catch (error) {
    const stays = error.status !== 409 || (await refresh().catch(() => true));
    say(`Not written: ${error.message}`, "wrong");
    find("again").hidden = !stays || pair === null || state.best === null;
    return false;
  } finally {
    state.busy = false;
  }
};

const undo = async () => {
  if (state.busy) return;
  if (state.best !== null || state.worst !== null) return unmark();
  const here = state.photos[state.place];
  const last = state.done.at(-1) ?? (here?.pair && { address: here.address, before: null, after: here.pair });
  if (!last) return say("There is nothing to undo.", "said");
  const place = state.photos.findIndex((photo) => photo.address === last.address);
  state.done.pop();
  if (place < 0) return say("That photo's candidates are gone, so its pick cannot be undone here.", "wrong");
  if (!(await write(state.photos[place], last.before, last.after))) return;
  await open(place);
  if (state.photo) say(last.before ? `Undone: ${name(last.before[0])} over ${name(last.before[1])} holds again.` : "Undone: this photo waits again.", "said");
};

const unmark = () => {
  Object.assign(state, { best: null, worst: null });
  find("again").hidden = true;
  drawMarks();
  ready();
};

// ---- keys and buttons

const setSlider = (slider) => {
  state.slider = slider;
  draw();
};

const stepRight = (by) => {
  if (!state.slider || !state.photo) return;
  const rows = state.photo.rows;
  let row = (state.right + by + rows) % rows;
  if (row === state.left) row = (row + by + rows) % rows;
  compare("right", row);
};

const commands = {
  s: skip,
  u: () => undo(),
  v: () => setSlider(!state.slider),
  z: () => view.toggle(),
  "+": () => view.zoomTo(view.zoom * 1.5),
  "=": () => view.zoomTo(view.zoom * 1.5),
  "-": () => view.zoomTo(view.zoom / 1.5),
  "?": () => find("help").showModal(),
  arrowleft: () => step(-1),
  arrowright: () => step(1),
  arrowup: () => stepRight(-1),
  arrowdown: () => stepRight(1),
  escape: () => unmark(),
};

const key = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || find("help").open) return;
  if (event.composedPath()[0].closest?.("select")) return;
  // By its place on the keyboard, so that Shift and a digit are the same on every layout.
  const digit = /^Digit(\d)$/.exec(event.code)?.[1] ?? (/^\d$/.test(event.key) ? event.key : null);
  const command = commands[event.key.toLowerCase()];
  if (digit !== null && !event.repeat) mark(event.shiftKey ? "worst" : "best", Number(digit));
  else if (digit === null && command) command();
  else return;
  if (!event.key.startsWith("Arrow") || state.slider || ["ArrowLeft", "ArrowRight"].includes(event.key)) event.preventDefault();
};

// Called by the page once, when Gradio has put our part of it into the document.
export const start = async (element) => {
  // Behind a shadow root, Gradio's styles and ours leave each other alone.
  const shadow = element.attachShadow({ mode: "open" });
  shadow.append(element.querySelector("template").content.cloneNode(true));
  root = shadow.querySelector("#pick");
  const style = shadow.querySelector("link");
  await new Promise((done) => style.addEventListener("load", done));
  history.replaceState(null, "", "/"); // the cookie bears the token from now on
  view = new View(root, moved);
  new ResizeObserver(() => {
    arrange();
    view.draw();
  }).observe(find("stage"));
  const clicks = { previous: () => step(-1), next: () => step(1), grid: () => setSlider(false), slider: () => setSlider(true), skip, undo };
  const more = { out: commands["-"], in: commands["+"], zoom: commands.z, keys: commands["?"], again: () => save() };
  for (const [id, command] of Object.entries({ ...clicks, ...more })) find(id).addEventListener("click", () => command());
  document.addEventListener("keydown", key);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !state.busy) refresh().catch((error) => say(error.message, "wrong"));
  });
  try {
    state.photos = await ask("photos");
    const waiting = state.photos.findIndex((photo) => !photo.pair);
    if (state.photos.length) await open(Math.max(0, waiting));
    if (state.photo) ready();
  } catch (error) {
    say(error.message, "wrong");
  }
};
