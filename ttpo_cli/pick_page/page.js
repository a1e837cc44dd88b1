// The page of `ttpo pick`: going from photo to photo, picking, keys and buttons. drawing.js shows the candidates, view.js moves the pictures.

import { compare, draw, drawMarks, startDrawing, view } from "./drawing.js";
import { ask, picture } from "./server.js";
import { count, find, name, ready, say, setRoot, state } from "./state.js";

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
    prefetch();
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
const prefetch = async () => {
  const next = state.photos[nextWaiting()];
  if (!next || next.prefetched) return;
  next.prefetched = true;
  try {
    const { rows } = await ask(`photo/${next.address}`);
    for (const row of Array(rows).keys()) new Image().src = picture(next.address, row, "view");
  } catch {
    next.prefetched = false; // it will say so when it is opened
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
  const root = shadow.querySelector("#pick");
  const style = shadow.querySelector("link");
  await new Promise((done) => style.addEventListener("load", done));
  history.replaceState(null, "", "/"); // the cookie bears the token from now on
  setRoot(root);
  startDrawing(root, mark);
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
