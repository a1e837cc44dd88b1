// How the candidates of one photo are drawn: side by side in a grid, or two under a divider; and which of them are marked.

import { picture } from "./server.js";
import { find, state } from "./state.js";
import { View } from "./view.js";

let root = null;
let onMark = null;
export let view = null;

// Once, before anything is drawn. mark: called with "best" or "worst" and a row when its button is pressed.
export const startDrawing = (element, mark) => {
  root = element;
  onMark = mark;
  view = new View(root, moved);
  new ResizeObserver(() => {
    arrange();
    view.draw();
  }).observe(find("stage"));
};

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
  made.addEventListener("click", () => onMark(kind, row));
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
export const arrange = () => {
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

export const compare = (side, row) => {
  const other = side === "left" ? "right" : "left";
  if (state[other] === row) state[other] = state[side];
  state[side] = row;
  draw();
};

export const draw = () => {
  root.classList.toggle("under-slider", state.slider);
  find("grid").setAttribute("aria-pressed", !state.slider);
  find("slider").setAttribute("aria-pressed", state.slider);
  if (!state.photo) return;
  find("stage").removeAttribute("style");
  (state.slider ? drawSlider : drawGrid)();
  drawMarks();
};

// The marks that are being made, else the pick that holds.
export const drawMarks = () => {
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
