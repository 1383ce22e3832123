"The real site: every page is built, opened in a browser at two widths, and everything on it is drawn."
import os
import shutil
from pathlib import Path

import pytest

from test_site import Visit, serving, site

ROOT = Path(__file__).resolve().parents[1]
LIGHT = 2_000_000 # Bytes of a page, without the script that all figures share

@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "The site as `make site` makes it, but in a folder of its own."
    folder = tmp_path_factory.mktemp('whole')
    for name in ('tools', 'assets', 'nbs'): shutil.copytree(ROOT/name, folder/name, ignore=shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', 'plotly.min.js'))
    shutil.copy(ROOT/'_quarto.yml', folder)
    out,problems = site.build(folder, 'smalldocs')
    assert problems==[]
    return out

def test_every_notebook_has_a_page_that_others_lead_to(whole):
    made = {p.relative_to(whole).as_posix() for p in (whole/'nbs').rglob('*.html')}
    assert made=={p.relative_to(ROOT).with_suffix('.html').as_posix() for p in (ROOT/'nbs').rglob('*.ipynb') if not any(part.startswith(('_', '.')) for part in p.relative_to(ROOT).parts)}
    home = site.Page((whole/'nbs/index.html').read_text(encoding='utf-8'))
    reached = {os.path.normpath(f'nbs/{link.split("#")[0]}') for link in home.links if '://' not in link}
    assert made<=reached, f"Nothing on the home page leads to {sorted(made-reached)}"

def test_pages_are_light(whole):
    sizes = {p.relative_to(whole).as_posix(): p.stat().st_size for p in whole.rglob('*.html')}
    assert max(sizes.values())<LIGHT, {k: v for k,v in sizes.items() if v>=LIGHT}

def test_every_page_in_a_browser(whole, browser):
    wrong = {}
    with serving(whole) as address:
        for path in sorted((whole/'nbs').rglob('*.html')):
            name,found = path.relative_to(whole).as_posix(),[]
            with Visit(browser, address, name) as v:
                if n := v.page.locator('.plotly-figure').count():
                    try: v.page.wait_for_function('n => document.querySelectorAll(".plotly-figure .main-svg:first-of-type").length >= n', arg=n)
                    except Exception as e: found.append(f"of {n} figures not all were drawn: {e}")
                found += [f'no words for {what}' for what in v.page.evaluate(WORDLESS)]
                for width in (1300, 1000, 390):
                    v.page.set_viewport_size({'width': width, 'height': 900})
                    wide = v.page.evaluate('Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)')
                    if wide>width: found.append(f'{wide} px wide in a window of {width}')
                    text = v.page.evaluate('document.querySelector("main").clientWidth')
                    if text<.45*width: found.append(f'the text has {text} px of {width}')
                found += v.wrong
            if found: wrong[name] = found
    assert wrong=={}

WORDLESS = '''() => [...document.querySelectorAll('main img, main .plotly-figure')].filter(e => !(e.alt || e.getAttribute('aria-label'))).map(e => e.outerHTML.slice(0, 80))'''
