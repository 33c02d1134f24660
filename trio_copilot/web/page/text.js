// A growing text: plain while it grows, Markdown once it is complete.

import { nextFrame } from "./frames.js";
import { markdown } from "./markdown.js";

const CHUNK = 2000; // characters in an element: short ones keep layout cheap
const FORMATTED = 200_000; // characters; a longer text stays plain

export class GrowingText {
  element = document.createElement("div");
  text = "";
  #shown = 0; // characters
  #tail = null;
  #flush = () => this.flush();
  #done;

  // `done` is called after each update of what is shown.
  constructor(className, done = () => {}) {
    this.element.className = className;
    this.#done = done;
  }

  append(text) {
    this.text += text;
    nextFrame(this.#flush);
  }

  // Take back its last `count` characters.
  drop(count) {
    this.text = this.text.slice(0, this.text.length - count);
    this.element.replaceChildren();
    this.#tail = null;
    this.#shown = 0;
    nextFrame(this.#flush);
  }

  flush() {
    let fresh = this.text.slice(this.#shown);
    this.#shown = this.text.length;
    while (fresh) {
      const end = this.#endOfChunk(fresh);
      this.#tail.appendData(fresh.slice(0, end)); // joins halves of characters, too
      fresh = fresh.slice(end);
    }
    this.#done();
  }

  // How much of the fresh text goes into the last element. A full one ends with a line.
  #endOfChunk(fresh) {
    const isFull = () => this.#tail.length > CHUNK;
    if (this.#tail === null || (isFull() && this.#tail.data.endsWith("\n"))) {
      this.#tail = document.createTextNode("");
      this.element.appendChild(document.createElement("div")).append(this.#tail);
    }
    const line = fresh.indexOf("\n");
    return isFull() && line >= 0 ? line + 1 : fresh.length;
  }

  format() {
    this.flush();
    if (this.text.length > FORMATTED) return;
    this.element.replaceChildren(...markdown(this.text));
    this.element.classList.add("formatted");
  }
}
