#!/usr/bin/env python3
"""look.py PAGE.html...: opens each page from disk in Chromium and fails unless there is no error on the console, no request but for the
page itself, nothing that axe finds (in light and dark), and every cell of every picture can be reached by the keyboard and says its value.
Screenshots (light, dark, phone) go beside the page. Needs Playwright for Python, a Chromium and axe-core (./run pages installs the first
and the last under build/pages)."""
import os
import pathlib
import shutil
import sys

from playwright.sync_api import sync_playwright

AXE = pathlib.Path(os.environ["AXE"]).read_text()
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
LIGHT, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
# Goes from cell to cell as a person would, row by row, and says how many there are and which said nothing of their own.
WALK = """async () => {
  const silent = [], said = []; let cells = 0;
  const press = key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
  for (const section of document.querySelectorAll('section')) {
    const say = section.querySelector('output');
    const steps = [['table.map', 'ArrowRight', 'ArrowDown'], ['table.bars', 'ArrowDown', null], ['p.text', 'ArrowRight', null]];
    for (const [what, along, down] of steps) {
      const box = section.querySelector(what);
      if (!box) continue;
      const stops = [...box.querySelectorAll('[tabindex="0"]')];
      if (stops.length !== 1) { silent.push(what + ' has ' + stops.length + ' stops'); continue; }
      const rows = what === 'table.map' ? box.tBodies[0].rows.length : 1;
      const across = what === 'table.map' ? box.tBodies[0].rows[0].cells.length - 1 :
        what === 'table.bars' ? box.tBodies[0].rows.length : box.querySelectorAll('span.token').length;
      stops[0].focus();
      const seen = new Set();
      for (let r = 0; r < rows; r++) {
        if (r) { press(down); press('Home'); }
        for (let c = 0; c < across; c++) {
          if (c) press(along);
          const e = document.activeElement;
          if (seen.has(e) || !box.contains(e) || !/: ./.test(say.textContent)) silent.push(what + ' ' + r + ',' + c + ': ' + say.textContent);
          seen.add(e); cells++;
        }
      }
    }
  }
  return {cells, silent};
}"""


def check(browser, path):
    wrong, requests = [], []
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport=LIGHT, color_scheme=scheme)
        page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: wrong.append(f"error: {e}"))
        page.on("dialog", lambda d: (wrong.append(f"dialog: {d.message}"), d.dismiss()))
        page.on("request", lambda r: requests.append(r.url))
        page.goto(path.resolve().as_uri())
        page.screenshot(path=path.with_suffix(f".{scheme}.png"), full_page=True)
        if scheme == "light":
            walked = page.evaluate(WALK)
            wrong += walked["silent"][:10]
            # the real keys, once: Tab comes to the first picture, an arrow goes on
            page.reload()
            page.keyboard.press("Tab")
            while page.evaluate("document.activeElement.matches('select, summary')"):
                page.keyboard.press("Tab")
            before = page.inner_text("output")
            page.keyboard.press("ArrowDown")
            if not before or page.inner_text("output") == before:
                wrong.append(f"an arrow key says nothing new: {before!r}")
        for summary in page.query_selector_all("summary"):
            summary.click()
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document).then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 2).map(n => n.html + ' ' + n.failureSummary).join(' | ')))")
        wrong += [f"axe ({scheme}): {v}" for v in found]
        page.close()
    page = browser.new_page(viewport=PHONE, color_scheme="light")
    page.goto(path.resolve().as_uri())
    page.screenshot(path=path.with_suffix(".phone.png"))
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("the page is wider than a phone")
    page.close()
    wrong += [f"request: {url}" for url in requests if url != path.resolve().as_uri()]
    print(f"{path.name}: {path.stat().st_size} bytes, {walked['cells']} cells reached" + "".join(f"\n    {w}" for w in wrong), flush=True)
    return not wrong


def main():
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        good = [check(browser, pathlib.Path(name)) for name in sys.argv[1:]]
        browser.close()
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
