// Work to do once per frame, however often it is requested; at once while the page is
// hidden, because hidden pages have no frames.

const waiting = new Set();
let requested = 0;

export function nextFrame(work) {
  waiting.add(work);
  if (document.hidden) {
    queueMicrotask(flush);
  } else if (!requested) {
    requested = requestAnimationFrame(flush);
  }
}

function flush() {
  cancelAnimationFrame(requested);
  requested = 0;
  const works = [...waiting];
  waiting.clear();
  for (const work of works) work();
}

document.addEventListener("visibilitychange", flush);
