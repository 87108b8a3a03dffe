"use strict";
(() => {
  const most = 8, colours = 7, at = (id) => document.getElementById(id);
  let indexes = [], facts = new Map(), token = "", asking = null;

  /** An element with a class, and texts or elements in it. Text never becomes markup. */
  function make(name, kind = "", ...inside) {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.append(...inside);
    return element;
  }

  const percent = (share) => (share > 0 && share < 0.005 ? "under 1 %" : `${Math.round(100 * share)} %`);
  const number = (value) => value.toLocaleString("en");
  const plural = (value, word) => `${number(value)} ${word}${value === 1 ? "" : "s"}`;
  const nameOf = (tag) => facts.get(tag)?.name ?? tag;
  const nameAndTag = (tag) => (nameOf(tag) === tag ? tag : `${nameOf(tag)} (${tag})`);
  const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
  const letter = /\p{L}/u;

  /** Have a text in its language and direction of writing: that of the language, if the text is written so. */
  function written(element, text, tag) {
    const direction = facts.get(tag)?.direction ?? "auto";
    const like = direction === "rtl" ? rightToLeft.test(text) : letter.test(text.replace(new RegExp(rightToLeft, "gu"), ""));
    element.dir = like ? direction : "auto";
    element.lang = tag;
    element.textContent = text;
    return element;
  }

  class Refused extends Error {
    constructor(status, message) { super(message); this.status = status; }
  }

  async function get(path, signal) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    let answer;
    try {
      answer = await fetch(path, { headers, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "the server does not answer: is it still running?");
    }
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(answer.status, content.error || `the server answered ${answer.status}`);
    return content;
  }

  function complain(error) {
    at("access").hidden = error.status !== 401;
    at("problem").hidden = false;
    at("problem").textContent = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
    if (error.status === 401) at("token").focus();
  }

  // The state: what is in the form is what is in the address.

  const chosen = () => [...document.querySelectorAll("#languages input:checked")].map((box) => box.value);
  const questions = () => at("question").value.split("\n").map((line) => line.trim()).filter(Boolean);

  function stateOfForm() {
    const state = new URLSearchParams();
    for (const question of questions()) state.append("q", question);
    if (at("k").value !== "10") state.set("k", at("k").value);
    for (const name of ["lang", "fair"]) if (at(name).value && !at(name).disabled) state.set(name, at(name).value);
    if (at("hybrid").checked) state.set("hybrid", "true");
    if (chosen().length) state.set("in", chosen().join(","));
    return state;
  }

  function formOfState(state) {
    at("question").value = state.getAll("q").join("\n");
    choose(at("k"), state.get("k") ?? "10");
    for (const name of ["lang", "fair"]) choose(at(name), state.get(name) ?? "");
    at("hybrid").checked = state.get("hybrid") === "true";
    const within = new Set((state.get("in") ?? "").split(","));
    for (const box of document.querySelectorAll("#languages input")) box.checked = within.has(box.value);
    showWithin();
    fit();
  }

  /** Choose a value of a list; one that it does not have is added: the server judges it. */
  function choose(select, value) {
    if (![...select.options].some((option) => option.value === value)) select.append(new Option(value, value));
    select.value = value;
  }

  function showWithin() {
    const tags = chosen();
    at("within").textContent = tags.length ? tags.map(nameOf).join(", ") : "every language";
  }

  function fit() {
    const box = at("question");
    box.rows = Math.min(most, Math.max(1, box.value.split("\n").length));
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
    at("lang").disabled = questions().length > 1; // each line is in a language of its own
  }

  // Asking

  async function ask(push) {
    const lines = questions(), state = stateOfForm();
    at("problem").hidden = true;
    if (asking) asking.abort();
    if (!lines.length) {
      for (const id of ["results", "agreement"]) at(id).hidden = true;
      document.title = "isoglot explorer";
      if (push) { complain(new Refused(422, "the question is empty")); at("question").focus(); }
      return;
    }
    if (lines.length > most) {
      complain(new Refused(422, `these are ${lines.length} questions: compare at most ${most}`));
      return;
    }
    if (push && `?${state}` !== location.search) history.pushState(null, "", `?${state}`);
    document.title = `${lines[0].slice(0, 60)} – isoglot explorer`;
    asking = new AbortController();
    const own = asking;
    at("results").setAttribute("aria-busy", "true");
    try {
      const answers = await Promise.all(lines.map((q) => Promise.all(indexes.map((index) => {
        const query = new URLSearchParams(state);
        query.delete("q");
        query.set("q", q);
        query.set("index", index.name);
        if (!query.has("k")) query.set("k", "10");
        return get(`search?${query}`, own.signal);
      }))));
      if (own === asking) show(answers);
    } catch (error) {
      if (error.name !== "AbortError") { own.abort(); complain(error); }
    } finally {
      if (own === asking) at("results").removeAttribute("aria-busy");
    }
  }

  // Showing

  function show(answers) {
    const colourOf = colouring(answers.flat());
    at("access").hidden = true;
    at("results").hidden = false;
    const single = indexes.length === 1, cards = answers.map((row) => row.map((answer, i) => ranking(answer, indexes[i], colourOf)));
    const several = answers.length > 1;
    at("results").replaceChildren(make("h2", "hidden", "Answers"), ...(single
      ? [make("div", "rankings", ...cards.map(([card], i) => { if (several) card.prepend(asked(answers[i][0].q, i)); return card; }))]
      : cards.flatMap((row, i) => [...(several ? [asked(answers[i][0].q, i)] : []), make("div", "rankings", ...row)])));
    showAgreement(answers);
    const first = answers[0][0].hits[0];
    at("state").textContent = first ? `${answers.flat().length} rankings; the first answer is in ${nameOf(first.language)}` : "Nothing was found";
  }

  /** A question above its rankings, with its number. */
  function asked(question, i) {
    const text = make("bdi", "", question);
    text.dir = "auto";
    return make("h3", "asked", make("span", "rank", `${i + 1} `), text);
  }

  /** Language -> class of its colour: the most frequent ones have one of their own. */
  function colouring(answers) {
    const counts = new Map();
    for (const answer of answers) for (const [tag, many] of Object.entries(answer.mix)) counts.set(tag, (counts.get(tag) ?? 0) + many);
    const order = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([tag]) => tag);
    return (tag) => { const place = order.indexOf(tag); return place < 0 || place >= colours ? "other" : `c${place}`; };
  }

  function ranking(answer, index, colourOf) {
    const card = make("article", "ranking");
    if (indexes.length > 1) card.append(headOf(index));
    card.setAttribute("aria-label", `${index.name}: ${answer.q}`);
    if (!answer.hits.length) { card.append(make("p", "none", "Nothing was found.")); return card; }
    card.append(...mix(answer, index, colourOf));
    card.append(make("ol", "hits", ...answer.hits.map((hit) => make("li", "", hitOf(hit, colourOf)))));
    return card;
  }

  const headOf = (index) => make("h3", "name", index.name, make("small", "", about(index)));
  const about = (index) => [index.model, index.repair ? `repaired: ${index.repair}` : ""].filter(Boolean).join(" · ");

  /** The languages of the top k as a bar, beside those of the pool. */
  function mix(answer, index, colourOf) {
    const found = answer.hits.length, entries = Object.entries(answer.mix);
    const pool = new Map(index.languages.filter((one) => !answer.within || answer.within.includes(one.tag)).map((one) => [one.tag, one.documents]));
    const whole = [...pool.values()].reduce((a, b) => a + b, 0) || 1;
    const part = (share, kind, tag) => {
      const bar = make("i", kind);
      bar.style.width = `${100 * share}%`;
      bar.title = `${tag}: ${percent(share)}`;
      return bar;
    };
    const top = make("div", "stack", ...entries.map(([tag, many]) => part(many / found, colourOf(tag), nameOf(tag))));
    const known = entries.filter(([tag]) => pool.has(tag));
    const rest = 1 - known.reduce((sum, [tag]) => sum + pool.get(tag), 0) / whole;
    const below = make("div", "stack pool", ...known.map(([tag]) => part(pool.get(tag) / whole, colourOf(tag), nameOf(tag))));
    if (rest > 1e-9) below.append(part(rest, "", "languages that are not in this ranking"));
    const legend = entries.map(([tag, many]) => make("li", "", make("i", colourOf(tag)), `${nameOf(tag)} ${many} `, make("small", "", `of ${found}; pool ${percent((pool.get(tag) ?? 0) / whole)}`)));
    const told = entries.map(([tag, many]) => `${nameOf(tag)} ${many} of ${found}`).join(", ");
    for (const [bar, text] of [[top, told], [below, "the pool"]]) { bar.setAttribute("role", "img"); bar.setAttribute("aria-label", text); }
    return [make("div", "mix", make("span", "", `top ${found}`), top, make("span", "", "pool"), below), make("ul", "legend", ...legend)];
  }

  function hitOf(hit, colourOf) {
    const language = make("span", "language", make("i", colourOf(hit.language)), nameAndTag(hit.language));
    const head = make("span", "head", make("span", "rank", `${hit.rank}`), language, make("span", "score", hit.score.toFixed(3)));
    const text = written(make("div", "text"), hit.text, hit.language), summary = make("summary", text.dir === "rtl" ? "right" : "", head);
    if (hit.title) summary.append(written(make("div", "title"), hit.title, hit.language));
    summary.append(text);
    const id = make("code");
    id.dir = "auto";
    id.textContent = hit.id;
    return make("details", "hit", summary, make("p", "id", id));
  }

  // Agreement

  /** What two sets share, of the larger one; 1 where both are empty. */
  function overlap(one, other) {
    const both = [...one].filter((id) => other.has(id)).length;
    return Math.max(one.size, other.size) ? both / Math.max(one.size, other.size) : 1;
  }

  function overlaps(sets) {
    const pairs = sets.flatMap((_, i) => sets.slice(i + 1).map((_, j) => [i, i + 1 + j]));
    const values = new Map(pairs.map(([i, j]) => [`${i} ${j}`, overlap(sets[i], sets[j])]));
    return { of: (i, j) => values.get(`${Math.min(i, j)} ${Math.max(i, j)}`), mean: [...values.values()].reduce((a, b) => a + b, 0) / values.size };
  }

  function showAgreement(answers) {
    at("agreement").hidden = answers.length < 2;
    if (answers.length < 2) return;
    at("agreements").replaceChildren(...indexes.map((index, i) => {
      const rankings = answers.map((row) => row[i].hits), k = answers[0][i].k;
      const same = overlaps(rankings.map((hits) => new Set(hits.map((hit) => hit.id))));
      const linked = rankings.flat().some((hit) => hit.linked !== hit.id);
      const joined = linked ? overlaps(rankings.map((hits) => new Set(hits.map((hit) => hit.linked)))) : null;
      const part = (name, found) => make("div", "", make("dt", "", name), make("dd", "", found.mean.toFixed(2)));
      const card = make("div", "model");
      if (indexes.length > 1) card.append(headOf(index));
      const numbers = make("dl", "numbers", part(`overlap@${k}`, same));
      if (joined) numbers.append(part(`overlap@${k}, translations joined`, joined));
      card.append(numbers);
      if (answers.length > 2) card.append(table(answers.length, joined ?? same, joined ? "By question, translations joined" : "By question"));
      return card;
    }));
  }

  function table(count, found, caption) {
    const each = [...Array(count).keys()];
    const head = make("tr", "", make("td"), ...each.slice(1).map((j) => { const cell = make("th", "", `${j + 1}`); cell.scope = "col"; return cell; }));
    const body = each.slice(0, -1).map((i) => {
      const name = make("th", "", `${i + 1}`);
      name.scope = "row";
      return make("tr", "", name, ...each.slice(1).map((j) => make("td", "", j > i ? found.of(i, j).toFixed(2) : "")));
    });
    return make("table", "overlaps", make("caption", "", caption), make("thead", "", head), make("tbody", "", ...body));
  }

  // Keys

  function step(by) {
    const hits = [...document.querySelectorAll(".hit summary")];
    const here = hits.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : -1) : here + by;
    if (next < 0) at("question").focus();
    else if (hits[next]) { hits[next].focus({ preventScroll: true }); hits[next].scrollIntoView({ block: "nearest" }); }
  }

  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("textarea, input:not([type=checkbox]), select");
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && !typing) { event.preventDefault(); at("question").focus(); at("question").select(); }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && document.querySelector(".hit") && !event.shiftKey) {
      const box = at("question"), down = event.key === "ArrowDown";
      const last = event.target === box && down && !box.value.slice(box.selectionEnd).includes("\n");
      if (last || (!typing && event.target.matches(".hit summary, body, #form button"))) { event.preventDefault(); step(down ? 1 : -1); }
    }
  });

  at("question").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("form").requestSubmit();
  });
  at("question").addEventListener("input", fit);
  at("more").addEventListener("click", () => {
    const box = at("question");
    box.value = `${box.value.trimEnd()}\n`;
    fit();
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  });
  addEventListener("resize", fit);
  at("form").addEventListener("submit", (event) => { event.preventDefault(); ask(true); });
  at("form").addEventListener("change", (event) => {
    showWithin();
    if (event.target !== at("question") && questions().length) ask(true);
  });
  at("access").addEventListener("submit", (event) => { event.preventDefault(); token = at("token").value; start(); });
  addEventListener("popstate", () => { formOfState(new URLSearchParams(location.search)); ask(false); });

  // Beginning

  async function start() {
    at("problem").hidden = true;
    try {
      indexes = await get("indexes");
    } catch (error) {
      complain(error);
      return;
    }
    at("access").hidden = true;
    const pool = new Map();
    for (const one of indexes.flatMap((index) => index.languages)) {
      facts.set(one.tag, one);
      pool.set(one.tag, Math.max(pool.get(one.tag) ?? 0, one.documents));
    }
    const tags = [...pool.keys()].sort((a, b) => nameOf(a).localeCompare(nameOf(b), "en"));
    at("indexes").replaceChildren(...indexes.map((index) => make("span", "", `${index.name}: ${plural(index.documents, "document")} in ${plural(index.languages.length, "language")} · ${about(index)}`)));
    at("lang").replaceChildren(new Option("not said", ""), ...tags.map((tag) => new Option(nameAndTag(tag), tag)));
    at("languages").replaceChildren(...tags.map((tag) => {
      const box = make("input");
      box.type = "checkbox";
      box.value = tag;
      return make("label", "", box, nameAndTag(tag), make("small", "", number(pool.get(tag))));
    }));
    formOfState(new URLSearchParams(location.search));
    if (matchMedia("(hover: hover)").matches) at("question").focus(); // elsewhere it would call up a keyboard
    await ask(false);
  }

  start();
})();
