// What the page of `ttpo pick` knows: photos, the marks being made, what is shown; and the lines above and below the pictures that say so.

export const state = { photos: [], place: -1, photo: null, best: null, worst: null, slider: false, left: 0, right: 1, split: 50, done: [], busy: false };

let root = null;

// root: the element that holds the whole page, in which every id begins with `pick-`.
export const setRoot = (element) => {
  root = element;
};

export const find = (id) => root.querySelector(`#pick-${id}`);

export const say = (text, kind = "") => {
  find("message").textContent = text;
  find("message").className = kind;
};

export const name = (row) => (row === 0 ? "restored" : `${row}`);

export const ready = () => {
  const left = state.photos.filter((photo) => !photo.pair).length;
  const touch = matchMedia("(pointer: coarse)").matches;
  const pair = state.photos[state.place]?.pair;
  if (!left && state.done.length) {
    return say("All are picked. Run the same `ttpo restore … --select later` again: it finishes them. You can close this page.", "said");
  }
  if (pair) return say(`Picked: ${name(pair[0])} over ${name(pair[1])}. Mark again to change it.`);
  say(touch ? "Which is the best, which the worst? 0 is the restored image." : "Which is the best (1 to 9), which the worst (Shift + 1 to 9)? 0 is the restored image.");
};

export const count = () => {
  const picked = state.photos.filter((photo) => photo.pair).length;
  const total = state.photos.length;
  find("count").textContent = `Photo ${state.place + 1} of ${total} · ${picked} picked · ${total - picked} left`;
  const bar = find("progress");
  bar.setAttribute("aria-valuemax", total);
  bar.setAttribute("aria-valuenow", picked);
  bar.firstElementChild.style.width = `${(100 * picked) / Math.max(1, total)}%`;
};
