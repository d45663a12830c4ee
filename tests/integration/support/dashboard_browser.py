"""Drives Debian's Chromium for test_dashboard_browser.py, in an environment with playwright: a line of JSON in, a line out."""

import json
import sys

from playwright.sync_api import sync_playwright

address, axe = sys.argv[1], open(sys.argv[2]).read()
# Chromium itself reports an answer of 404 and a lost connection as errors.
EXPECTED = ("Failed to load resource", "net::ERR_")


class Browser:
    def __init__(self, chromium):
        self.chromium = chromium
        self.page = None
        self.seen = []

    def open(self, scheme, width, view):
        if self.page:
            self.page.context.close()
        context = self.chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        self.page = context.new_page()
        self.page.on("console", lambda line: self.note(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("dialog", lambda dialog: self.note("a dialog: " + dialog.message))
        self.page.on("request", lambda request: None if request.url.startswith((address, "data:")) else self.note(request.url))
        self.page.goto(address + "#" + view)
        self.page.locator("#state:not(:text('connecting'))").wait_for()

    def note(self, text):
        if not any(one in text for one in EXPECTED):
            self.seen.append(text)

    def text(self, place):
        return self.page.locator(place).text_content()

    def count(self, place):
        return self.page.locator(place).count()

    def click(self, place):
        self.page.click(place)

    def focus(self, place):
        self.page.focus(place)

    def press(self, key):
        self.page.keyboard.press(key)

    def fill(self, place, text):
        self.page.fill(place, text)

    def select(self, place, value):
        self.page.select_option(place, value)

    def download(self, place):
        with self.page.expect_download() as download:
            self.page.click(place)
        return open(download.value.path()).read()

    def focused(self):
        return self.page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")

    def run(self, what):
        if what == "overflow":
            return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return self.page.evaluate(axe + "\n;axe.run().then((found) => found.violations.map((one) => "
                                  "[one.id, ...one.nodes.map((node) => node.target.join(' '))]))")

    def screenshot(self, path):
        self.page.screenshot(path=path, full_page=True)

    def trouble(self):
        return self.seen


with sync_playwright() as playwright:
    # Without the sandbox it runs as root and in a container, too.
    chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    browser = Browser(chromium)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        print(json.dumps(getattr(browser, verb)(*arguments)), flush=True)
    chromium.close()
