for (const compare of document.querySelectorAll(".compare")) {
  const frame = compare.querySelector(".frame");
  const images = [...frame.querySelectorAll("img")];
  const split = frame.querySelector(".split");

  const show = (side) => {
    const select = compare.querySelector("select." + side);
    images.forEach((image, index) => image.classList.toggle(side, index === Number(select.value)));
    frame.querySelector(".tag." + side).textContent = select.selectedOptions[0].textContent;
  };
  for (const side of ["left", "right"]) {
    compare.querySelector("select." + side).addEventListener("change", () => show(side));
    show(side);
  }

  const move = () => {
    frame.style.setProperty("--split", split.value + "%");
    split.setAttribute("aria-valuetext", Math.round(split.value) + " % of the left picture");
  };
  split.addEventListener("input", move);
  move();

  const size = compare.querySelector("select.size");
  size.addEventListener("change", () => {
    const zoom = Number(size.value);
    compare.style.setProperty("--zoom", zoom / (window.devicePixelRatio || 1));
    compare.classList.toggle("zoomed", zoom > 0);
    compare.classList.toggle("fit", zoom === 0);
  });
}
