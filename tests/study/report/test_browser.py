import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tiny.study_page import every_block

from aga_lightning.study.report.page import page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EXAMPLE = Path(__file__).parents[3] / "docs" / "quick" / "report.html"
WIDTHS = (390, 1440)

# Frames, because a window has a least width of its own; their documents may be read, because they are written in place.
FRAMES = """<!doctype html><title>waiting</title>{frames}<script>
onload = () => setTimeout(() => {{
  const found = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, view = frame.contentWindow;
    return {{
      inner: view.innerWidth,
      scroll: page.scrollingElement.scrollWidth,
      outside: [...page.querySelectorAll("body *")].filter(one => !one.closest(".scroll, pre, .unseen")
        && one.getBoundingClientRect().right > view.innerWidth + 0.5).map(one => one.outerHTML.slice(0, 80)),
      images: page.images.length,
      broken: [...page.images].filter(image => image.naturalWidth === 0).length,
      unnamed: [...page.images].filter(image => !image.alt).length
        + [...page.querySelectorAll("svg")].filter(one => !one.getAttribute("aria-label")).length,
      drawings: [...page.querySelectorAll("svg")].map(one => one.getBoundingClientRect().width),
      fetched: view.performance.getEntriesByType("resource").map(one => one.name)
        .filter(one => !one.startsWith("data:")),
    }};
  }});
  document.body.innerHTML = "<pre>" + JSON.stringify(found).replaceAll("&", "&amp;").replaceAll("<", "&lt;") + "</pre>";
}}, 100);
</script>"""


def laid_out(written, folder):
    """What a browser finds in a page at each width."""
    frames = "".join(
        f'<iframe width="{width}" height="900" srcdoc="{html.escape(written)}"></iframe>' for width in WIDTHS
    )
    (folder / "frames.html").write_text(FRAMES.format(frames=frames), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--disable-background-networking", "--virtual-time-budget=5000", "--dump-dom"]
    run = subprocess.run([*command, (folder / "frames.html").as_uri()], capture_output=True, text=True, timeout=60)
    shown = re.search(r"<pre>(.*)</pre>", run.stdout, re.DOTALL)
    assert shown, run.stderr
    return dict(zip(WIDTHS, json.loads(html.unescape(shown[1])), strict=True))


def check(found, width):
    assert found["inner"] == width
    assert found["scroll"] <= width
    assert found["outside"] == []
    assert found["images"] > 0
    assert found["broken"] == found["unnamed"] == 0
    assert found["fetched"] == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH to open the page with")
def test_a_page_with_every_block_fits_a_phone_and_a_desk_and_fetches_nothing(tmp_path):
    blocks = every_block()
    for width, found in laid_out(page("A report", "About.", blocks, {"Cells": "4 of 4"}, "Today."), tmp_path).items():
        check(found, width)
        assert found["images"] == 12
        nine_inches, four_inches = found["drawings"]  # they scroll rather than becoming unreadable
        assert nine_inches >= 0.7 * 9 * 96
        assert four_inches >= 0.7 * 4 * 96


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH to open the page with")
def test_the_report_in_the_documents_does_too(tmp_path):
    for width, found in laid_out(EXAMPLE.read_text(encoding="utf-8"), tmp_path).items():
        check(found, width)
