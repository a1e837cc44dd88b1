const find = (id) => document.getElementById(id);
const data = JSON.parse(find("data").textContent);
const cards = [...document.querySelectorAll(".card")];
let shown = cards;

// A value that is missing comes last, whichever way round.
const compare = (key, turned) => (one, other) => {
  const [a, b] = [data[one.dataset.place][key], data[other.dataset.place][key]];
  const missing = (a === undefined || a === null) - (b === undefined || b === null);
  if (missing !== 0) return missing;
  const way = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  return (turned ? -way : way) || one.dataset.place - other.dataset.place;
};

const arrange = () => {
  const key = find("order").value;
  // What stands out most comes first without being asked; everything else begins with the least.
  const turned = find("reverse").checked !== (key === "outlier");
  const text = find("text").value.toLowerCase();
  const kind = find("kind").value;
  shown = [...cards].sort(compare(key, turned)).filter((card) => {
    const matches = data[card.dataset.place].name.toLowerCase().includes(text) && (!kind || card.dataset.kind === kind);
    card.hidden = !matches;
    return matches;
  });
  find("cards").append(...shown);
  find("count").textContent = `${shown.length} of ${cards.length}`;
};
for (const id of ["order", "reverse", "kind", "text"]) find(id).addEventListener("input", arrange);
find("controls").addEventListener("submit", (event) => event.preventDefault());

const viewer = find("viewer");
const frame = viewer.querySelector(".frame");
const split = find("split");
let current = null;

const move = () => {
  frame.style.setProperty("--split", split.value + "%");
  split.setAttribute("aria-valuetext", Math.round(split.value) + " % of the photo before");
};
const show = (card) => {
  current = card;
  const { before, after, link, place } = card.dataset;
  find("viewed").textContent = data[place].name;
  find("after").src = after;
  for (const part of [find("before"), split, ...viewer.querySelectorAll(".divider, .tag")]) part.hidden = !before;
  if (before) find("before").src = before;
  find("file").href = link;
  if (!viewer.open) viewer.showModal();
  move();
};
const step = (by) => {
  const open = shown.filter((card) => card.dataset.after);
  const place = open.indexOf(current);
  if (place >= 0) show(open[(place + by + open.length) % open.length]);
};

find("cards").addEventListener("click", (event) => {
  const button = event.target.closest(".open");
  if (button) show(button.closest(".card"));
});
split.addEventListener("input", move);
find("previous").addEventListener("click", () => step(-1));
find("next").addEventListener("click", () => step(1));
find("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("keydown", (event) => {
  if (event.key === "n") step(1);
  if (event.key === "p") step(-1);
});
arrange();
