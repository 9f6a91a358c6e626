(function () {
  "use strict";
  var SHOWN = 200, NUMBERS = { "own bits": true, "exchanges, all": true };
  function parsed(csv) {
    return csv.split("\n").slice(1).map(function (line) {
      var cells = [], at = 0, cell = /("(?:[^"]|"")*"|[^,]*)(,|$)/y;
      cell.lastIndex = 0;
      for (;;) {
        cell.lastIndex = at;
        var found = cell.exec(line);
        var text = found[1];
        cells.push(text[0] === '"' ? text.slice(1, -1).replace(/""/g, '"') : text);
        at = cell.lastIndex;
        if (found[2] === "") { return cells; }
      }
    });
  }
  function element(name, text, kind) {
    var made = document.createElement(name);
    if (text !== undefined) { made.textContent = text; }
    if (kind) { made.className = kind; }
    return made;
  }
  function figure(text, at) {
    return at === 2 ? text.replace("-", "−") : Number(text).toLocaleString("en-US");
  }
  document.querySelectorAll(".members").forEach(function (box) {
    var csv = box.querySelector("pre.csv"), body = box.querySelector("tbody");
    if (!csv || !body.rows.length) { return; }
    var name = box.dataset.name, rows = null, by = -1, down = false, shown = Number(box.dataset.shown);
    var heads = Array.prototype.slice.call(box.querySelectorAll("thead th"));
    var bar = element("p", undefined, "tools screen"), label = element("label", "Filter accounts of " + name + " ");
    var input = element("input"), save = element("button", "Save as CSV"), said = element("span", "", "soft small");
    input.type = "search"; save.type = "button"; said.setAttribute("role", "status");
    label.appendChild(input); bar.append(label, save, said);
    box.insertBefore(bar, box.firstChild);
    function draw() {
      rows = rows || parsed(csv.textContent);
      var wanted = input.value.trim().toLowerCase();
      var found = wanted ? rows.filter(function (row) { return row[0].toLowerCase().includes(wanted) || row[1] === wanted; }) : rows.slice();
      if (by >= 0) {
        var isNumber = NUMBERS[heads[by].dataset.name];
        found.sort(function (a, b) {
          var order = isNumber ? a[by] - b[by] : a[by] < b[by] ? -1 : a[by] > b[by] ? 1 : 0;
          return down ? -order : order;
        });
      }
      var drawn = found.slice(0, wanted || by >= 0 ? SHOWN : shown), part = document.createDocumentFragment();
      drawn.forEach(function (row) {
        var line = element("tr");
        row.forEach(function (text, at) {
          var cell = element("td", at > 1 ? figure(text, at) : at ? text : undefined, at > 1 ? "num" : "");
          if (!at) { cell.appendChild(element("bdi", text, "mono")); }
          line.appendChild(cell);
        });
        part.appendChild(line);
      });
      body.replaceChildren(part);
      said.textContent = drawn.length.toLocaleString("en-US") + " of " + found.length.toLocaleString("en-US") + (wanted ? " that match" : "");
    }
    heads.forEach(function (head, at) {
      var button = element("button", head.textContent, "sort");
      head.dataset.name = head.textContent;
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", function () {
        down = by === at ? !down : Boolean(NUMBERS[head.dataset.name]);
        by = at;
        heads.forEach(function (one) { one.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        draw();
      });
    });
    input.addEventListener("input", draw);
    save.addEventListener("click", function () {
      var link = element("a");
      link.href = URL.createObjectURL(new Blob([csv.textContent + "\n"], { type: "text/csv" }));
      link.download = "stillwatch-" + name + "-accounts.csv";
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    });
  });
})();
