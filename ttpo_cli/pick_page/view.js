// How the pictures lie in their frames: one zoom and one place for all of them, moved by wheel, drag, two fingers or double click.

const LARGEST = 8; // device pixels a pixel of the picture

export class View {
  // root: gets the classes `zoomed` (drag moves) and `large` (pixels are seen). onChange: called after each change.
  constructor(root, onChange) {
    Object.assign(this, { root, onChange, width: 1, height: 1, zoom: 1, x: 0.5, y: 0.5, frames: [], fingers: new Map() });
    new ResizeObserver(() => this.draw()).observe(root);
  }

  // The frames to draw in from now on, and the size of the pictures in them; drag: what a drag does where there is nothing to move.
  show(frames, width, height, drag = null) {
    const other = width !== this.width || height !== this.height;
    const before = this.fitting * this.zoom;
    Object.assign(this, { frames, width, height, drag });
    this.fingers.clear();
    for (const frame of frames) this.listen(frame);
    if (other) return this.fit();
    // What was seen close stays as close in a frame of another size.
    if (this.zoom > 1.01) this.zoom = Math.max(1, before / this.fitting);
    this.draw();
  }

  // Screen pixels a picture's pixel where the whole picture is seen.
  get fitting() {
    const frame = this.frames[0];
    if (!frame) return 1;
    return Math.max(1e-6, Math.min(frame.clientWidth / this.width, frame.clientHeight / this.height));
  }

  // Device pixels a picture's pixel.
  get scale() {
    return this.fitting * this.zoom * devicePixelRatio;
  }

  // The zoom at which every pixel of the picture is one of the screen, or two where that would show no more than the whole picture does.
  get close() {
    const one = 1 / (this.fitting * devicePixelRatio);
    return one > 1.05 ? one : 2 * one > 1.05 ? 2 * one : 4 * one;
  }

  fit() {
    Object.assign(this, { zoom: 1, x: 0.5, y: 0.5 });
    this.draw();
  }

  toggle(at) {
    if (this.zoom > 1.01) this.fit();
    else this.zoomTo(this.close, at);
  }

  // at: {frame, left, top} of what stays where it is, in pixels of a frame; without it: the middle.
  zoomTo(zoom, at) {
    const frame = at?.frame ?? this.frames[0];
    if (!frame) return;
    const largest = Math.max(2, LARGEST / (this.fitting * devicePixelRatio));
    const next = Math.min(largest, Math.max(1, zoom));
    const left = (at?.left ?? frame.clientWidth / 2) - frame.clientWidth / 2;
    const top = (at?.top ?? frame.clientHeight / 2) - frame.clientHeight / 2;
    const change = 1 / (this.fitting * this.zoom) - 1 / (this.fitting * next);
    this.x += (left * change) / this.width;
    this.y += (top * change) / this.height;
    this.zoom = next;
    this.draw();
  }

  move(left, top) {
    const size = this.fitting * this.zoom;
    this.x -= left / (size * this.width);
    this.y -= top / (size * this.height);
    this.draw();
  }

  // No picture leaves its frame, and what is smaller than the frame stays in its middle.
  draw() {
    const [frame] = this.frames;
    if (!frame?.clientWidth) return;
    const size = this.fitting * this.zoom;
    const [wide, high] = [this.width * size, this.height * size];
    const within = (place, whole, room) => {
      const half = Math.min(0.5, room / 2 / whole);
      return Math.min(1 - half, Math.max(half, place));
    };
    this.x = within(this.x, wide, frame.clientWidth);
    this.y = within(this.y, high, frame.clientHeight);
    const [left, top] = [frame.clientWidth / 2 - this.x * wide, frame.clientHeight / 2 - this.y * high];
    for (const image of this.frames.flatMap((each) => [...each.querySelectorAll("img")])) {
      Object.assign(image.style, { width: `${wide}px`, height: `${high}px`, transform: `translate(${left}px, ${top}px)` });
    }
    this.root.classList.toggle("zoomed", this.zoom > 1.01);
    this.root.classList.toggle("large", this.scale >= 2);
    this.onChange();
  }

  listen(frame) {
    if (frame.dataset.heard) return;
    frame.dataset.heard = "yes";
    const place = (event) => {
      const box = frame.getBoundingClientRect();
      return { frame, left: event.clientX - box.left, top: event.clientY - box.top, x: event.clientX, y: event.clientY };
    };
    frame.addEventListener("wheel", (event) => {
      const stage = frame.closest(".pick-stage");
      if (!event.ctrlKey && this.zoom <= 1.01 && stage.scrollHeight > stage.clientHeight + 1) return;
      event.preventDefault();
      this.zoomTo(this.zoom * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), place(event));
    }, { passive: false });
    frame.addEventListener("dblclick", (event) => this.toggle(place(event)));
    frame.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      frame.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, place(event));
    });
    frame.addEventListener("pointermove", (event) => this.follow(event.pointerId, place(event)));
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
  }

  follow(finger, now) {
    const before = this.fingers.get(finger);
    if (!before) return;
    const others = [...this.fingers].filter(([other]) => other !== finger).map(([, where]) => where);
    this.fingers.set(finger, now);
    if (others.length === 1) {
      const [other] = others;
      const apart = (where) => Math.hypot(where.x - other.x, where.y - other.y) || 1;
      // Two fingers may lie on two pictures: the point between them is found from where this one is.
      const between = { frame: now.frame, left: now.left + (other.x - now.x) / 2, top: now.top + (other.y - now.y) / 2 };
      this.zoomTo((this.zoom * apart(now)) / apart(before), between);
    } else if (others.length === 0 && this.zoom > 1.01) this.move(now.left - before.left, now.top - before.top);
    else if (others.length === 0) this.drag?.(now);
  }
}
