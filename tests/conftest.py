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
    if path is None: pytest.skip("no Chromium on PATH (chromium, chromium-browser, google-chrome, chrome)")
    with api.sync_playwright() as p:
        found = p.chromium.launch(executable_path=path, args=CHROMIUM)
        yield found
        found.close()
