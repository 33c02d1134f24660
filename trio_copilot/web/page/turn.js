// One prompt and its answer, as it arrives.

import { GrowingText } from "./text.js";

const ABOUT = ["command", "path", "url", "pattern", "query", "description"];

const CAUSES = {
  deadline: "out of time",
  idle_timeout: "the agent fell silent",
  remote: "the CLI stopped it",
  closed: "the session was closed",
  outer: "the server has stopped",
};

export function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export class TurnView {
  element = fromTemplate("turn");
  #answer = this.element.querySelector(".answer");
  #end = this.element.querySelector(".end");
  #texts = [];
  #last = null; // { name, text } of the text at the end, which may grow
  #tools = new Map();
  #grown;

  // `grown` is called after each update of what is shown.
  constructor(prompt, grown) {
    this.element.querySelector(".prompt").textContent = prompt;
    this.#grown = grown;
  }

  // -- the server's messages, by type

  delta({ text, message, agent = "", separator = "" }) {
    if (separator) this.#last = null;
    // A separator begins each new message of the main agent. An answer that was cut at
    // the token limit continues in another message without one.
    const name = agent ? `text ${message} ${agent}` : "text";
    this.#growing(name, () => this.#newText(agent)).append(text);
  }

  correction({ was, text, agent = "" }) {
    this.#takeBack(agent, was);
    this.#texts.filter((each) => each.agent === agent).at(-1)?.append(text);
  }

  reasoning({ text, agent = "" }) {
    this.#growing(`reasoning ${agent}`, () => this.#newReasoning()).append(text);
  }

  tool_call({ call, name, arguments: given }) {
    const tool = fromTemplate("tool");
    tool.querySelector(".name").textContent = name;
    tool.querySelector(".about").textContent = about(given);
    tool.querySelector(".arguments").textContent =
      typeof given === "string" ? given : JSON.stringify(given, null, 2);
    const output = new GrowingText("", this.#grown);
    tool.querySelector(".output").append(output.element);
    this.#tools.set(call, { tool, output });
    this.#add(tool);
  }

  tool_progress({ call, text }) {
    this.#tools.get(call)?.output.append(text);
  }

  tool_result({ call, success, text }) {
    const { tool, output } = this.#tools.get(call) ?? {};
    if (!tool) return;
    output.drop(output.text.length);
    output.append(text);
    this.#mark(tool, success ? "done" : "failed");
  }

  retry({ kind, dropped, status_code: status, message, waited }) {
    this.#takeBack("", dropped);
    const why = [kind, status && `HTTP ${status}`, message].filter(Boolean).join(", ");
    const when = waited === undefined ? "" : ` after ${waited.toFixed(1)} s`;
    this.note(`A model call failed (${why}). Trying again${when}.`);
  }

  notice({ text }) {
    this.note(text);
  }

  usage({ usage }) {
    this.#end.textContent = `Working · ${amount(usage)}`;
  }

  end({ reason, cause, usage, error }) {
    const said = {
      complete: () => "Complete",
      cancelled: () => (CAUSES[cause] ? `Cancelled: ${CAUSES[cause]}` : "Cancelled"),
      max_tokens: () => "Cut off at the model's token limit",
      error: () => `Failed: ${error?.message ?? "no reason was given"}`,
    };
    const words = said[reason]?.() ?? reason;
    this.#close(reason, usage?.calls ? `${words} · ${amount(usage)}` : words);
    return words;
  }

  // -- the page's own remarks

  note(text) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = text;
    this.#add(note);
  }

  lost(why) {
    this.#close("lost", `${why}; the turn was stopped`);
  }

  #close(reason, words) {
    for (const text of this.#texts) text.format();
    for (const { tool } of this.#tools.values()) {
      if (tool.dataset.state === "running") this.#mark(tool, "stopped");
    }
    this.element.dataset.reason = reason;
    this.#end.textContent = words;
    this.#answer.setAttribute("aria-busy", "false");
    this.#grown();
  }

  #takeBack(agent, end) {
    for (const text of this.#texts.filter((each) => each.agent === agent).reverse()) {
      const count = Math.min(end.length, text.text.length);
      if (count) text.drop(count);
      end = end.slice(0, end.length - count);
    }
  }

  #add(element) {
    this.#last = null;
    this.#answer.append(element);
    this.#grown();
  }

  #mark(tool, state) {
    tool.dataset.state = state;
    tool.querySelector(".state").textContent = state;
  }

  #growing(name, make) {
    if (this.#last?.name !== name) this.#last = { name, text: make() };
    return this.#last.text;
  }

  #newText(agent) {
    const text = new GrowingText(agent ? "text agent" : "text", this.#grown);
    text.agent = agent;
    this.#texts.push(text);
    this.#answer.append(text.element);
    return text;
  }

  #newReasoning() {
    const block = fromTemplate("reasoning");
    const text = new GrowingText("text", this.#grown);
    block.append(text.element);
    this.#answer.append(block);
    return text;
  }
}

// A tool call in one line.
function about(given) {
  if (typeof given !== "object" || given === null) return "";
  const key = ABOUT.find((each) => typeof given[each] === "string");
  return key ? given[key].split("\n", 1)[0] : "";
}

function amount({ calls = 0, input_tokens = 0, output_tokens = 0 }) {
  const number = (count) => count.toLocaleString("en");
  const made = calls === 1 ? "1 model call" : `${number(calls)} model calls`;
  return `${made}, ${number(input_tokens)} tokens in, ${number(output_tokens)} out`;
}
