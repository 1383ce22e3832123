"What several tests share."
import shutil

import pytest

# WebGL in software; nothing that would talk to the network by itself
CHROMIUM = ('--no-sandbox --disable-gpu --use-angle=swiftshader --enable-unsafe-swiftshader --disable-background-networking'
            ' --disable-component-update --disable-sync --no-first-run').split()

@pytest.fixture(scope='session')
def browser():
    "A headless Chromium."
    api = pytest.importorskip('playwright.sync_api', reason="playwright is not installed: pip install 'clustering_nb[dev]'")
    path = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
    with api.sync_playwright() as p:
        for way in [{'executable_path': path}] if path else [{'channel': 'chrome'}, {}]: # Chrome where its installer puts it, then what playwright downloaded
            try: found = p.chromium.launch(args=CHROMIUM, **way)
            except api.Error:
                if path: raise
            else: break
        else: pytest.skip("no Chromium or Chrome found; `.venv/bin/python -m playwright install chromium` brings one")
        yield found
        found.close()
