"use strict";
(() => {
  const { blocks, classes } = JSON.parse(document.getElementById("gates").textContent);
  const model = (name) => Bokeh.documents
    .map((each) => each.get_model_by_name(name)).find((found) => found != null);

  function choose(block) {
    const { channels, means, reference } = blocks[block];
    const n = channels.length;
    const filled = (name) => Array(n).fill(name);
    model("reference").data =
      { channel: channels, gate: reference, name: filled("mean of all") };
    classes.forEach(({ name }, k) => {
      model(`class-${k}`).data = { channel: channels, gate: means[k], name: filled(name) };
    });
    const numbers = channels.map((_, i) => i);
    model("cells").data = {
      column: means.flatMap(() => numbers),
      row: means.flatMap((_, k) => filled(String(k + 1))),
      channel: means.flatMap(() => channels),
      name: classes.flatMap(({ name }) => filled(name)),
      gate: means.flat(),
    };
  }

  function show_live() {
    for (const place of document.querySelectorAll(".live")) {
      place.hidden = false;
      const picture = place.parentElement.querySelector(".static");
      picture.hidden = true;
    }
    document.getElementById("controls").hidden = false;
    const block = document.getElementById("block");
    block.addEventListener("change", () => choose(block.value));
    for (const box of document.querySelectorAll("input.class")) {
      box.addEventListener("change", () => {
        model(`line-${box.value}`).visible = box.checked;
      });
    }
  }

  function make_sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const key = (row, k) => row.cells[k].dataset.value;
    const number = (text) => (text === "nan" ? -Infinity : Number(text));
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const falls = head.getAttribute("aria-sort") !== "descending" && k > 0;
        const sign = falls ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falls ? "descending" : "ascending");
        const order = k === 0 ? rows : [...rows].sort(
          (one, other) => sign * (number(key(one, k)) - number(key(other, k))));
        table.tBodies[0].append(...order);
      });
    });
  }

  document.querySelectorAll("table.sortable").forEach(make_sortable);
  if (window.Bokeh) { show_live(); }
})();
