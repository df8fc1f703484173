/* inspect_page.js: draws the pictures of figures.h. Text reaches the page as textContent only. */
(function () {
  "use strict";
  var place = document.getElementById("figures"), serial = 0;

  function make(name, parent, kind, text) {
    var e = document.createElement(name);
    if (kind) e.className = kind;
    if (text !== undefined) e.textContent = text;
    if (parent) parent.appendChild(e);
    return e;
  }
  /* A token between quotes, by itself: what runs from right to left turns nothing beside it. */
  function quoted(text) { return "\u2068\"" + text + "\"\u2069"; }
  function number(v) {
    if (v === null || v === undefined) return "none";
    return v !== 0 && Math.abs(v) < 1e-4 ? v.toExponential(2) : String(Math.round(v * 1e4) / 1e4);
  }

  /* ---- what pictures share ---- */

  /* A heading, a note, a choice of slices, the line that says what is there; draw(slice) fills the body. */
  function frame(figure, slices, draw) {
    var id = "f" + serial++, section = make("section", place), shown = { say: null, body: null };
    var title = make("h2", section, "", figure.title);
    title.id = id;
    section.setAttribute("aria-labelledby", id);
    make("p", section, "note", figure.note);
    if (slices.length > 1) {
      var p = make("p", section), label = make("label", p, "", "Shown:"), select = make("select", p);
      select.id = id + "s";
      label.htmlFor = select.id;
      slices.forEach(function (s, i) { make("option", select, "", s.name).value = i; });
      select.addEventListener("change", function () { show(Number(select.value)); });
    } else if (slices.length && slices[0].name) {
      make("p", section, "", slices[0].name);
    }
    shown.say = make("output", section, "say");
    shown.say.setAttribute("aria-live", "polite");
    shown.body = make("div", section);
    function show(i) {
      shown.body.textContent = "";
      shown.say.textContent = "";
      draw(slices[i], shown);
    }
    if (slices.length) show(0);
  }

  /* One cell of many can be reached by Tab; arrow keys move on from it. at(row, column): the element, or null. */
  function walk(box, at, rows, columns, row, column) {
    var steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -columns], End: [0, columns],
      PageUp: [-rows, 0], PageDown: [rows, 0] };
    var here = [row, column];
    function put(r, c, focus) {
      var to = at(r, c);
      if (!to) return;
      at(here[0], here[1]).tabIndex = -1;
      to.tabIndex = 0;
      here = [r, c];
      if (focus) to.focus();
    }
    function clamp(v, n) { return Math.max(0, Math.min(n - 1, v)); }
    box.addEventListener("keydown", function (e) {
      var step = steps[e.key];
      if (!step || e.ctrlKey || e.altKey || e.metaKey) return;
      e.preventDefault();
      put(clamp(here[0] + step[0], rows), clamp(here[1] + step[1], columns), true);
    });
    if (at(row, column)) at(row, column).tabIndex = 0;
    return put;
  }

  function plainTable(parent, name, columns, fill) {
    var details = make("details", parent), built = false;
    make("summary", details, "", "As a table of numbers");
    details.addEventListener("toggle", function () {
      if (built || !details.open) return;
      built = true;
      var box = make("div", details, "box"), table = make("table", box, "plain"), head = make("tr", make("thead", table)), body = make("tbody", table);
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", name);
      columns.forEach(function (c) { make("th", head, "", c).scope = "col"; });
      fill(function (label, cells) {
        var tr = make("tr", body);
        make("th", tr, "", label).scope = "row";
        cells.forEach(function (c) { make("td", tr, "n", c); });
      });
    });
  }

  /* ---- maps ---- */

  function level(v, slice) {
    if (v === null) return "none";
    var high = slice.high || 1;
    if (slice.scale === "signed") {
      var n = Math.ceil(Math.min(1, Math.abs(v) / high) * 5 - 1e-9);
      return Math.abs(v) / high < 0.02 ? "z" : (v < 0 ? "n" : "p") + n;
    }
    var t = slice.scale === "log" ? Math.log(Math.max(1, v)) / Math.log(Math.max(2, high)) : v / high;
    return "s" + Math.max(0, Math.min(9, Math.floor(t * 10)));
  }
  function scale(parent, slice) {
    var p = make("div", parent, "scale"), i;
    p.setAttribute("aria-hidden", "true");
    if (slice.scale === "signed") {
      make("span", p, "", "-" + number(slice.high));
      ["n5", "n4", "n3", "n2", "n1", "z", "p1", "p2", "p3", "p4", "p5"].forEach(function (k) { make("i", p, k); });
    } else {
      make("span", p, "", slice.scale === "log" ? "1" : "0");
      for (i = 0; i < 10; i++) make("i", p, "s" + i);
    }
    make("span", p, "", number(slice.high) + (slice.scale === "log" ? " (logarithmic)" : ""));
  }
  /* What a cell says beside its number: the likeliest tokens there, or a word. */
  function mapWords(figure) {
    var rows = figure.rows.length, columns = figure.columns.length, n = figure.top;
    if (figure.texts)
      return { short: function (r, c) { return figure.texts[r * columns + c]; },
        long: function (r, c) { var t = figure.texts[r * columns + c]; return t ? "; " + t : ""; } };
    if (!figure.tops) return null;
    function top(r, c, i) { var at = 2 * ((c * rows + r) * n + i); return [figure.words[figure.tops[at]], figure.tops[at + 1]]; }
    return { short: function (r, c) { return top(r, c, 0)[0]; },
      long: function (r, c) {
        var said = [], i;
        for (i = 0; i < n; i++) { var t = top(r, c, i); said.push(quoted(t[0]) + " " + number(100 * t[1]) + " %"); }
        return "; likeliest " + said.join(", ") + "; in the end " + quoted(figure.words[figure.answers[2 * c]]);
      } };
  }
  function drawMap(figure) {
    var words = mapWords(figure), rows = figure.rows, columns = figure.columns;
    frame(figure, figure.slices, function (slice, shown) {
      var box = make("div", null, "box"), table = make("table", box, words ? "map said" : "map"), head = make("tr", make("thead", table)), body = make("tbody", table);
      function value(r, c) { return slice.values[r * columns.length + c]; }
      function at(r, c) { return body.rows[r] ? body.rows[r].cells[c + 1] : null; }
      function say(r, c) {
        shown.say.textContent = rows[r] + ", " + figure.column + " " + columns[c] + ": " + number(value(r, c)) + (words ? words.long(r, c) : "");
      }
      function where(e) {
        var td = e.target.closest ? e.target.closest("td") : null;
        return td ? [td.parentNode.sectionRowIndex, td.cellIndex - 1] : null;
      }
      table.setAttribute("role", "grid");
      table.setAttribute("aria-label", figure.title + ": " + slice.name);
      make("th", head, "", figure.row).scope = "col";
      columns.forEach(function (c) { var th = make("th", head); th.scope = "col"; make("span", th, "", c); });
      rows.forEach(function (name, r) {
        var tr = make("tr", body), c;
        make("th", tr, "", name).scope = "row";
        for (c = 0; c < columns.length; c++) {
          var td = make("td", tr, level(value(r, c), slice));
          td.setAttribute("role", "gridcell");
          if (words) td.textContent = words.short(r, c);
          else td.setAttribute("aria-label", number(value(r, c)));
        }
      });
      scale(shown.body, slice);
      shown.body.appendChild(box);
      var put = walk(table, at, rows.length, columns.length, 0, 0);
      table.addEventListener("focusin", function (e) { var w = where(e); if (w) say(w[0], w[1]); });
      table.addEventListener("mouseover", function (e) { var w = where(e); if (w) say(w[0], w[1]); });
      table.addEventListener("click", function (e) { var w = where(e); if (w) put(w[0], w[1], true); });
      plainTable(shown.body, figure.title + ", numbers", [figure.row].concat(columns), function (line) {
        rows.forEach(function (name, r) { line(name, columns.map(function (x, c) { return number(value(r, c)); })); });
      });
    });
  }

  /* ---- bars ---- */

  function drawBars(figure) {
    frame(figure, figure.slices, function (slice, shown) {
      var table = make("table", shown.body, "bars"), head = make("tr", make("thead", table)), body = make("tbody", table), most = 0;
      slice.rows.forEach(function (r) { most = Math.max(most, Math.abs(r[1] || 0)); });
      table.setAttribute("aria-label", figure.title + (slice.name ? ": " + slice.name : ""));
      figure.columns.forEach(function (c, i) {
        var kind = i ? (i > 1 ? "n more" : "n") : "";
        make("th", head, kind, c).scope = "col";
        if (i === 1) make("td", head, "draw");
      });
      slice.rows.forEach(function (r) {
        var tr = make("tr", body);
        make("td", tr, "", r[0]);
        make("td", tr, "n", number(r[1]));
        var line = make("div", make("td", tr, "draw"), "line"), low = slice.rows.some(function (x) { return x[1] < 0; });
        var bar = make("b", line, r[1] < 0 ? "less" : ""), width = most ? Math.abs(r[1] || 0) / most * (low ? 50 : 100) : 0;
        bar.style.width = width + "%";
        if (low) bar.style.marginLeft = (r[1] < 0 ? 50 - width : 50) + "%";
        r.slice(2).forEach(function (v) { make("td", tr, "n more", v === null ? "-" : number(v)); });
        tr.addEventListener("mouseover", function () { say(r); });
        tr.cells[0].tabIndex = -1;
        tr.cells[0].addEventListener("focus", function () { say(r); });
      });
      function say(r) {
        shown.say.textContent = r[0] + ": " + r.slice(1).map(function (v, i) { return figure.columns[i + 1] + " " + number(v); }).join(", ");
      }
      walk(body, function (r) { return body.rows[r] ? body.rows[r].cells[0] : null; }, slice.rows.length, 1, 0, 0);
    });
  }

  /* ---- text ---- */

  function drawText(figure) {
    var n = figure.chosen, COLOURS = 12;
    frame(figure, figure.slices, function (slice, shown) {
      var p = make("p", shown.body, "text"), spans = [];
      function picks(i) {
        var said = [], k;
        for (k = 0; k < n; k++) said.push("expert " + slice.picks[2 * (i * n + k)] + " (" + number(slice.picks[2 * (i * n + k) + 1]) + ")");
        return said.join(", ");
      }
      function say(i) { shown.say.textContent = "position " + figure.positions[i] + " " + quoted(figure.tokens[i]) + ": " + picks(i); }
      p.setAttribute("role", "group");
      p.setAttribute("aria-label", figure.title + ": " + slice.name);
      figure.tokens.forEach(function (token, i) {
        var first = slice.picks[2 * i * n], span = make("span", p, "token c" + first % COLOURS, token);
        make("sub", span, "", first);
        span.setAttribute("role", "img");
        span.setAttribute("aria-label", quoted(token) + ": " + picks(i));
        span.addEventListener("focus", function () { say(i); });
        span.addEventListener("mouseover", function () { say(i); });
        spans.push(span);
        if (token.slice(-2) === "\\n") make("br", p);
      });
      var put = walk(p, function (r, c) { return spans[c] || null; }, 1, spans.length, 0, 0);
      p.addEventListener("click", function (e) {
        var i = spans.indexOf(e.target.closest("span.token"));
        if (i >= 0) put(0, i, true);
      });
      plainTable(shown.body, figure.title + ", numbers", ["position and token", "experts and weights"], function (line) {
        figure.tokens.forEach(function (token, i) { line(figure.positions[i] + " " + token, [picks(i)]); });
      });
    });
  }

  var kinds = { map: drawMap, bars: drawBars, text: drawText };
  JSON.parse(document.getElementById("data").textContent).forEach(function (figure) { kinds[figure.kind](figure); });
})();
