// Markdown as elements. The parser's tokens become nodes one by one, only of the kinds
// listed here; no HTML is made on the way, so none has to be sanitised. HTML in the text
// is shown as text, and images become links: nothing is fetched.

import { lexer } from "./vendor/marked.js";

// Entities that the parser leaves to HTML, which is not made here.
const CHARACTERS = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: "\u00a0" };
const CHARACTER = /&(amp|lt|gt|quot|#39|nbsp);/g;

const SAFE = new Set(["http:", "https:", "mailto:"]);

export function markdown(text) {
  return nodes(lexer(text));
}

function nodes(tokens = []) {
  return tokens.flatMap((token) => (OF[token.type] ?? unknown)(token));
}

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

const wrap = (name) => (token) => element(name, ...nodes(token.tokens));

const OF = {
  space: () => [],
  def: () => [],
  paragraph: wrap("p"),
  blockquote: wrap("blockquote"),
  strong: wrap("strong"),
  em: wrap("em"),
  del: wrap("del"),
  br: () => element("br"),
  hr: () => element("hr"),
  heading: (token) => element(`h${Math.min(token.depth + 2, 6)}`, ...nodes(token.tokens)),
  code,
  codespan: (token) => element("code", token.text),
  text: (token) => (token.tokens ? nodes(token.tokens) : plain(decoded(token.text))),
  html: (token) => (token.block ? block(token) : plain(token.raw)),
  escape: (token) => plain(token.text),
  link: (token) => link(token, nodes(token.tokens)),
  image: (token) => link(token, [token.text || token.href]),
  list,
  checkbox: () => [],
  table,
};

function unknown(token) {
  return plain(token.raw);
}

function block(token) {
  const made = element("p", token.raw.trimEnd());
  made.className = "raw";
  return made;
}

function decoded(text) {
  return text.replace(CHARACTER, (_, name) => CHARACTERS[name]);
}

function plain(text) {
  return document.createTextNode(text);
}

function code(token) {
  const made = element("pre", element("code", token.text));
  made.tabIndex = 0; // if wider than the page, the keyboard scrolls it
  if (token.lang) made.dataset.language = token.lang.split(/\s/, 1)[0];
  return made;
}

function link(token, children) {
  const url = URL.canParse(token.href) ? new URL(token.href) : null;
  if (!url || !SAFE.has(url.protocol)) return plain(token.raw);
  const made = element("a", ...children);
  made.href = url.href;
  made.rel = "noopener noreferrer";
  made.target = "_blank";
  return made;
}

function list(token) {
  const made = element(token.ordered ? "ol" : "ul", ...token.items.map(item));
  if (token.ordered && token.start > 1) made.start = token.start;
  return made;
}

function item(token) {
  const mark = token.task ? [token.checked ? "☑ " : "☐ "] : [];
  return element("li", ...mark, ...nodes(token.tokens));
}

function table(token) {
  const row = (cells, name) => element("tr", ...cells.map((each) => cell(each, name)));
  const head = element("thead", row(token.header, "th"));
  const body = element("tbody", ...token.rows.map((cells) => row(cells, "td")));
  const made = element("div", element("table", head, body));
  made.className = "table";
  made.tabIndex = 0;
  return made;
}

function cell(token, name) {
  const made = element(name, ...nodes(token.tokens));
  if (token.align) made.className = token.align;
  return made;
}
