// The embeddings that there are: searched for, and put as words into the prompt, or into what is not to be painted.

import { all, byId, make, show } from "./dom.js";

const PLAIN = /^[\p{L}\p{N}_.-]+$/u; // what is a word as it stands; others are said in <>

/** Takes what the server has, and the chosen model, if its details are known. */
export function offerEmbeddings(entries, model) {
  const names = entries.filter((one) => fits(one, model ?? {})).map((one) => one.name);
  const list = byId("embeddings-there");
  if (names.join("\n") !== all("option", list).map((option) => option.value).join("\n")) {
    list.replaceChildren(...names.map((name) => make("option", { value: name })));
  }
  show(byId("embeddings"), names.length > 0);
}

/** As the server tells it (`asking/embeddings.py`): by families, and by how many numbers a vector is. */
function fits(one, { embedding_families: families = [], context }) {
  if (one.family && families.length && !families.includes(one.family)) return false;
  return !one.context || !context || one.context === context || families.indexOf(one.family) > 0;
}

/** Has the search and its two buttons work. */
export function startEmbeddings() {
  const search = byId("embeddings-search");
  const put = (into) => {
    const name = search.value.trim();
    if (!all("option", byId("embeddings-there")).some((option) => option.value === name)) return search.focus();
    search.value = "";
    addWord(byId(into), PLAIN.test(name) ? name : `<${name}>`);
  };
  search.addEventListener("input", (event) => event.stopPropagation()); // what is searched for isn't asked for
  search.addEventListener("change", (event) => event.stopPropagation());
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); put("f-prompt"); } });
  for (const button of all("[data-into]", byId("embeddings"))) button.addEventListener("click", () => put(button.dataset.into));
}

function addWord(text, word) {
  const before = text.value.trimEnd();
  text.value = before ? `${before}${/[,.;:!?]$/.test(before) ? "" : ","} ${word}` : word;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
}
