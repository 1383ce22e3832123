"The website: what the filter makes of a notebook, what the build refuses, and pages read in a browser."
import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

def tool(name):
    "A script of tools/ as a module."
    sys.path.insert(0, str(ROOT/'tools'))
    spec = importlib.util.spec_from_file_location(f'tools_{name}', ROOT/f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(ROOT/'tools'))
    return module

nbfilter,site = tool('nbfilter'),tool('site')

# --- Notebooks made here

def md(source): return {'cell_type': 'markdown', 'metadata': {}, 'source': source}

def code(source, *outputs): return {'cell_type': 'code', 'metadata': {}, 'execution_count': None, 'source': source, 'outputs': list(outputs)}

def shown(**data): return {'output_type': 'display_data', 'metadata': {}, 'data': {k.replace('_', '/', 1): v for k,v in data.items()}}

def notebook(*cells):
    kernel = {'display_name': 'python3', 'language': 'python', 'name': 'python3'}
    return {'cells': [c|{'id': f'c{i}'} for i,c in enumerate(cells)], 'metadata': {'kernelspec': kernel}, 'nbformat': 4, 'nbformat_minor': 5}

FIGURE = {'data': [{'type': 'scatter', 'mode': 'markers', 'x': [1, 2, 3], 'y': [2, 1, 3], 'text': ['</script>']*3}], 'layout': {'title': {'text': 'A map'}, 'height': 300}}
PLOT = {'output_type': 'display_data', 'metadata': {}, 'data': {nbfilter.PLOTLY: FIGURE, 'image/png': 'iVBORw0KGgo=', 'text/plain': 'Figure'}}
FRAME = shown(text_html='<div>\n<style scoped>\n th { color: red }\n</style>\n<table border="1" class="dataframe"><tr>'+'<td>a quite wide column</td>'*20+'</tr></table></div>')

ACCURACY = '''#| export
def accuracy(
    y_true, # Classes, shape (n,)
    y_pred, # Clusters | negative means `noise`
    # Which images count
    kept=None,
    *,
    rounds: int = 3, # How often
)->float: # In [0, 1], <1 with noise
    "Share of images in the cluster matched to their class."
    return 1. # Not a docment
'''
LIBRARY = [
    md('# Metrics\n\n> Scores with $100 and `code`.\n\nMore words.'),
    code('#| default_exp metrics'),
    code('#| export\nimport numpy as np'),
    md('## Clustering accuracy\n\nA wombat is matched to a class.'),
    code(ACCURACY),
    code('#| slow\n#| eval: false\nassert accuracy([0], [1])==1. # a test'),
    code('#| export\n@patch_to(Table, cached=True)\ndef best(self)->int: # A row\n    "The best row."\n\ndef _private(): pass\n'),
    code('#| export\n@dataclass(frozen=True)\nclass Entry:\n    "One method."\n    name: str # The word\n    facts: dict = field(default_factory=dict) # Anything\n    @property\n    def known(self): "Is it known?"\n    def make(self, n, seed=0): "Make one."\n'),
    code("#| export\n@makers.add('one')\ndef one(): return 1\n"),
    code('#| hide\nsecret = 1'),
    code('#| hide_input\nshow()', PLOT),
    code('frame', FRAME),
    code('nbdev.nbdev_export()'),
]

# --- The filter

@pytest.fixture(scope='module')
def library(): return nbfilter.filtered(notebook(*LIBRARY))

def sources(nb, kind): return [''.join(c['source']) for c in nb['cells'] if c['cell_type']==kind]

def test_hidden_cells_and_directives_go(library):
    found = '\n'.join(sources(library, 'code'))
    for gone in ('default_exp', 'secret', 'nbdev_export', 'slow', 'eval', '| export', 'hide_input'): assert gone not in found, gone
    assert 'assert accuracy([0], [1])==1. # a test' in found and '#| echo: false\nshow()' in found
    assert all(isinstance(c['source'], list) for c in library['cells']), "Quarto joins lists of lines"

def test_title_becomes_metadata(library):
    assert library['cells'][0]['cell_type']=='raw'
    assert sources(library, 'raw')==['---\ntitle: "Metrics"\ndescription: "Scores with $100 and `code`."\n---\n']
    assert sources(library, 'markdown')[0]=='More words.'

def test_exported_code_is_folded_under_its_name(library):
    cells = sources(library, 'code')
    assert cells[0].startswith('#| code-fold: true\n#| code-summary: "Imports"\n')
    assert cells[1].startswith('#| code-fold: true\n#| code-summary: "Source of accuracy"\n')
    assert 'code-fold' not in cells[2]
    assert 'code-summary: "Source of Table.best"' in cells[3]

def test_docments_become_a_table(library):
    doc = next(s for s in sources(library, 'markdown') if '`accuracy`' in s)
    assert '### `accuracy` {#accuracy .api}' in doc and 'Share of images in the cluster' in doc
    assert 'accuracy(y_true, y_pred, kept=None, *, rounds: int = 3) → float' in doc
    for row in ('<td><code>y_true</code></td><td></td><td>Classes, shape (n,)</td>', '<td>Clusters | negative means <code>noise</code></td>',
                '<td><code>kept</code></td><td><code>None</code></td><td>Which images count</td>', '<td><code>rounds</code></td><td><code>3</code></td><td>How often</td>',
                '<strong>Returns</strong> <code>float</code>: In [0, 1], &lt;1 with noise'): assert row in doc, row
    assert 'Not a docment' not in doc

def test_methods_classes_and_registered_functions(library):
    docs = '\n'.join(sources(library, 'markdown'))
    assert '{#Table.best .api}' in docs and '<code>Table.best → int</code>' in docs and 'A row' in docs
    assert '_private' not in docs
    assert "class Entry(name: str, facts: dict = dict())" in docs
    assert '<td><code>known</code></td><td>Is it known?</td>' in docs and '<td><code>make(n, seed)</code></td><td>Make one.</td>' in docs
    assert "Entered in `makers` as `'one'`." in docs

def test_figures_and_tables(library):
    found = [''.join(o['data']['text/markdown']) for c in library['cells'] for o in c.get('outputs', [])]
    assert len(found)==2 and not any('text/html' in o['data'] or 'image/png' in o['data'] for c in library['cells'] for o in c.get('outputs', []))
    assert '<script src="../assets/plotly.min.js"></script>' in found[0] and 'class="plotly-figure"' in found[0] and 'min-height:300px' in found[0]
    assert found[0].count('</script>')==2, "Text of a figure can't end its script"
    assert 'aria-label="A map. Figure of points or lines"' in found[0]
    assert '<div class="table-scroll"><table' in found[1] and 'border=' not in found[1] and 'scoped' not in found[1]

def test_recipes_in_tables_can_be_broken():
    found = nbfilter.tables('<table><tr><th>0</th><td>pixels+pca:50+umap:10,n_neighbors=30+kmeans:10</td><td>0.5 ± 0.1</td><td>self-supervised</td></tr></table>')
    assert '<td class="recipe">pixels+<wbr>pca:50+<wbr>umap:10,<wbr>n_neighbors=30+<wbr>kmeans:10</td>' in found
    assert found.count('recipe')==1
    found = nbfilter.tables('<table><tr><th rowspan="4" valign="top">pca:50+kmeans:10</th><th>70000</th></tr></table>')
    assert '<th rowspan="4" valign="top" class="recipe">pca:50+<wbr>kmeans:10</th><th>70000</th>' in found, "pandas' tables with two headers to a row"

def test_figures_in_words():
    axis = lambda words: {'title': {'text': words}}
    fig = {'data': [{'type': 'bar', 'name': 'a "b"'}, {'type': 'scatter'}], 'layout': {'title': {'text': '<b>Sizes</b>'}, 'xaxis': axis('class'), 'xaxis2': axis('class'), 'yaxis': axis('images')}}
    assert nbfilter.spoken(fig)=='Sizes. Figure of bars and points or lines. x: class; y: images. a "b"'
    assert 'a &quot;b&quot;' in nbfilter.figure(fig, 'f', '') and nbfilter.spoken({})=='Figure of nothing'

def test_one_script_for_all_figures():
    two = nbfilter.filtered(notebook(code('a', PLOT, PLOT), code('b', PLOT)), up='../../')
    found = ''.join(''.join(o['data']['text/markdown']) for c in two['cells'] for o in c['outputs'])
    assert found.count('src="../../assets/plotly.min.js"')==1 and found.count('class="plotly-figure"')==3

def test_filter_speaks_the_protocol():
    run = lambda folder: subprocess.run([sys.executable, str(ROOT/'tools/nbfilter.py')], input=json.dumps(notebook(*LIBRARY)), cwd=folder, capture_output=True, text=True, encoding='utf-8', timeout=60)
    done = run(ROOT/'nbs')
    assert done.returncode==0 and json.loads(done.stdout)==nbfilter.filtered(notebook(*LIBRARY), '../')
    assert nbfilter.up_to_root(ROOT/'nbs/studies')=='../../'

def test_odd_cells_pass():
    odd = notebook(code('%matplotlib inline'), code('#| export\n!ls'), code(''), code('#| label: fig-a\n#| fig-cap:\n#|   - "One"\nplot()', shown(text_plain='x')), md(['## A\n', 'b']))
    found = sources(nbfilter.filtered(odd), 'code')
    assert found[0]=='%matplotlib inline' and found[1].endswith('!ls') and '#| fig-cap:\n#|   - "One"\nplot()' in found[2]
    assert nbfilter.filtered(notebook())['cells']==[]

# --- The build

INDEX = [md('# A wombat\n\n> Home.\n\nTo [metrics](20_metrics.ipynb#accuracy) and [a study](studies/one.ipynb).'), code('print(1)', {'output_type': 'stream', 'name': 'stdout', 'text': 'a long line of output '*20})]
STUDY = [md('# Study one\n\n> Deeper.\n\n## Result\n\nBack [home](../index.ipynb).'), code('fig', PLOT), code('x = 1 # '+'a long line of code '*10)]

def project(folder, **pages):
    "The real configuration, tools and assets around notebooks made here."
    for name in ('tools', 'assets'): shutil.copytree(ROOT/name, folder/name, ignore=shutil.ignore_patterns('__pycache__', 'plotly.min.js'))
    shutil.copy(ROOT/'_quarto.yml', folder)
    for name,cells in pages.items():
        path = folder/f"nbs/{name.replace('__', '/')}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook(*cells)), encoding='utf-8')
    return folder

@pytest.fixture(scope='module')
def pages(tmp_path_factory):
    "A built site of three pages."
    folder = project(tmp_path_factory.mktemp('site'), index=INDEX, **{'20_metrics': LIBRARY, 'studies__one': STUDY})
    out,problems = site.build(folder, 'smalldocs')
    assert problems==[]
    return out

def test_build(pages):
    assert 'url=nbs/index.html' in (pages/'index.html').read_text() and (pages/'assets/plotly.min.js').stat().st_size>1e6
    metrics,study = (pages/'nbs/20_metrics.html').read_text(),(pages/'nbs/studies/one.html').read_text()
    assert '#|' not in metrics and 'id="accuracy"' in metrics and '<summary>Source of accuracy</summary>' in metrics
    assert 'src="../../assets/plotly.min.js"' in study
    sidebar = re.findall(r'href="([^"]+)"[^>]*class="[^"]*sidebar-link|class="[^"]*sidebar-link[^"]*"[^>]*href="([^"]+)"', study)
    assert [a or b for a,b in sidebar if a or b]==['../index.html', '../20_metrics.html', 'one.html']
    assert not list(pages.parent.glob('_proc'))

@pytest.mark.parametrize('cells, message', [
    ([md('# A\n\n[gone](nowhere.ipynb)')], 'broken link nowhere.ipynb'),
    ([md('# A\n\n[gone](#nowhere)')], 'no anchor #nowhere'),
    ([md('# A\n\n![x](https://example.org/x.png)')], 'loads https://example.org/x.png from a network'),
    ([md('# A'), code('x', shown(text_html='<script src="//example.org/x.js"></script>'))], 'loads //example.org/x.js from a network'),
    ([md('# A'), code('x', shown(text_html='<style>@import "https://example.org/x.css";</style>'))], 'loads https://example.org/x.css'),
    ([md('# A\n\nThat is $x^2$.')], 'needs KaTeX'),
    ([md('# A\n\nSee @fig-map.')], 'reference @fig-map was not resolved'),
])
def test_build_refuses(tmp_path, cells, message):
    (tmp_path/'_site').mkdir(); (tmp_path/'_site/earlier').touch()
    out,problems = site.build(project(tmp_path, index=cells), 'smalldocs')
    assert any(message in p for p in problems), problems
    assert all(p.startswith('nbs/index.') for p in problems) and [p.name for p in (tmp_path/'_site').iterdir()]==['earlier'] and (out/'nbs/index.html').exists()

def test_build_without_a_home_and_without_pages(tmp_path):
    out,problems = site.build(project(tmp_path, **{'00_core': [md('# Core\n\nWords.')]}), 'smalldocs')
    assert problems==[] and 'url=nbs/00_core.html' in (out/'index.html').read_text()
    assert 'Studies' not in (out/'nbs/00_core.html').read_text()
    shutil.rmtree(tmp_path/'nbs')
    with pytest.raises(SystemExit, match='no site to render'): site.build(tmp_path, 'smalldocs')

# --- In a browser

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@contextmanager
def serving(folder):
    "Address of a folder on a server of this machine."
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try: yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

@pytest.fixture(scope='module')
def address(pages):
    "Address of the site of three pages."
    with serving(pages) as a: yield a

class Visit:
    "One page in a window of its own, with everything that went wrong."
    def __init__(self, browser, address, page, width=1300, scheme='light'):
        self.context = browser.new_context(viewport={'width': width, 'height': 900}, color_scheme=scheme, reduced_motion='reduce')
        self.page,self.wrong = self.context.new_page(),[]
        self.page.set_default_timeout(15_000)
        self.page.on('console', lambda m: self.wrong.append(f'console: {m.text}') if m.type=='error' else None)
        self.page.on('pageerror', lambda e: self.wrong.append(f'error: {e}'))
        self.page.on('requestfailed', lambda r: self.wrong.append(f'failed: {r.url}'))
        self.page.on('response', lambda r: self.wrong.append(f'{r.status}: {r.url}') if r.status>=400 else None)
        self.page.on('request', lambda r: None if r.url.startswith((address, 'data:', 'blob:')) else self.wrong.append(f'elsewhere: {r.url}'))
        self.page.goto(f'{address}/{page}')
        self.page.wait_for_load_state('networkidle')

    def __enter__(self): return self
    def __exit__(self, *exc): self.context.close()

CONTRAST = '''e => {
    const rgb = c => { const v = c.match(/[\\d.]+/g).map(Number); return c.startsWith('color(') ? [...v.slice(0, 3).map(x => 255*x), v[3] ?? 1] : [v[0], v[1], v[2], v[3] ?? 1] }
    const over = (top, low) => [0, 1, 2].map(i => top[i]*top[3] + low[i]*(1-top[3]))
    const layers = []
    for (let n = e; n; n = n.parentElement) layers.push(rgb(getComputedStyle(n).backgroundColor))
    const ground = layers.reverse().reduce((low, top) => over(top, low), [255, 255, 255])
    const ink = over(rgb(getComputedStyle(e).color), ground)
    const light = c => c.map(x => x/255).map(x => x<=.04045 ? x/12.92 : ((x+.055)/1.055)**2.4).reduce((s, x, i) => s + x*[.2126, .7152, .0722][i], 0)
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y-x)
    return (a+.05)/(b+.05)
}'''

def contrasts(page, *selectors):
    "The lowest contrast of the visible elements that each selector finds."
    found = {s: page.locator(s).evaluate_all(f'all => all.filter(e => e.checkVisibility()).slice(0, 60).map({CONTRAST})') for s in selectors}
    assert all(found.values()), f"Nothing to see at {[s for s in found if not found[s]]}"
    return {s: min(values) for s,values in found.items()}

@pytest.mark.parametrize('width', [1300, 390])
@pytest.mark.parametrize('page', ['index.html', 'nbs/20_metrics.html', 'nbs/studies/one.html'])
def test_pages_load_and_fit(browser, address, page, width):
    with Visit(browser, address, page, width) as v:
        if 'index' not in page: v.page.wait_for_selector('.plotly-figure .main-svg .point', state='attached')
        else: v.page.wait_for_url('**/nbs/index.html')
        v.page.locator('details').evaluate_all('all => all.forEach(d => d.open = true)')
        wide,window = v.page.evaluate('[Math.max(document.documentElement.scrollWidth, document.body.scrollWidth), innerWidth]')
        assert wide<=window, f"{page} is {wide} px wide in a window of {window}"
        assert v.wrong==[]

@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_search_finds_and_is_legible(browser, address, scheme):
    with Visit(browser, address, 'nbs/studies/one.html', scheme=scheme) as v:
        box = v.page.locator('.smalldocs-search input:visible')
        box.fill('wombat')
        hit = v.page.locator('.search-result', has_text='matched to a class').first
        hit.wait_for()
        low = contrasts(v.page, '.search-result-title', '.search-result-section', '.search-result-text', '.search-result-text mark', '.smalldocs-search input', '.navbar-title')
        assert min(low.values())>=4.5, low
        hit.click()
        v.page.wait_for_url('**/nbs/20_metrics.html#clustering-accuracy')
        low = contrasts(v.page, 'main p', 'pre.api-signature code', 'table.api-table td', 'table.dataframe td', 'main pre code span', 'details > summary', '.navbar .nav-link', '.sidebar-link', '#TOC a')
        assert min(low.values())>=4.5, low
        assert v.wrong==[]

# --- Executing

execute = tool('execute')

def test_execute_twice_and_refuse(tmp_path):
    good = notebook(md('# A'), code('#| slow\n1/0'), code('#| eval: false\n1/0'), code("import os\nprint(os.environ.get('IN_TEST'), os.environ['CLUSTERING_NB_PROGRESS'], hash('a'), object())", shown(text_plain='old')))
    (tmp_path/'good.ipynb').write_text(json.dumps(good))
    (tmp_path/'bad.ipynb').write_text(bad := json.dumps(notebook(code('1'), code('{}["a"]'))))
    execute.execute(tmp_path/'good.ipynb', {'slow', 'notest'}, 60)
    first = (tmp_path/'good.ipynb').read_bytes()
    assert b'None 0 ' in first and b'<object object>' in first and b'old' not in first
    execute.execute(tmp_path/'good.ipynb', {'slow', 'notest'}, 60)
    assert (tmp_path/'good.ipynb').read_bytes()==first
    with pytest.raises(execute.Refused, match=r"cell 2 \(c1: .*\): KeyError: 'a'"): execute.execute(tmp_path/'bad.ipynb', set(), 60)
    assert (tmp_path/'bad.ipynb').read_text()==bad and sorted(p.name for p in tmp_path.iterdir())==['bad.ipynb', 'good.ipynb']

@pytest.mark.skipif(os.name!='posix', reason="signals of POSIX")
def test_ctrl_c_ends_in_words(tmp_path):
    (path := tmp_path/'long.ipynb').write_text(before := json.dumps(notebook(code('import pathlib, time\npathlib.Path("begun").touch()\ntime.sleep(60)'))))
    done = subprocess.Popen([sys.executable, str(ROOT/'tools/execute.py'), str(path)], stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: (tmp_path/'begun').exists() or done.poll() is not None)
        done.send_signal(signal.SIGINT)
        told = done.communicate(timeout=30)[1]
    finally: done.kill()
    assert done.returncode==130 and 'Interrupted.' in told and 'Traceback' not in told, told
    assert path.read_text()==before

def test_a_kernel_that_is_interrupted_ends_the_run(tmp_path):
    (path := tmp_path/'stopped.ipynb').write_text(json.dumps(notebook(code('raise KeyboardInterrupt'))))
    with pytest.raises(KeyboardInterrupt): execute.execute(path, set(), 60)
    assert execute.stopped(lambda: 0)==0

def wait_until(so, seconds=60):
    end = time.monotonic()+seconds
    while not so():
        assert time.monotonic()<end, 'waited in vain'
        time.sleep(.05)

def test_what_is_not_stored():
    home = str(Path.home())
    told = notebook(code('x'), code('y', shown(text_plain=[f"PosixPath('{home}/photos')"])))
    with pytest.raises(execute.Refused, match=r'cell 2 \(c1: .*\): the output holds'): execute.check(told, [home])
    execute.check(notebook(code('x', shown(image_png=f'{home}/', text_plain=f'{home}y of a word'))), [home])
    with pytest.raises(execute.Refused, match=r'401 kB of outputs are more than 400: cell 1 \(c0: x\)'): execute.check(notebook(code('x', shown(text_plain='x'*401_000))), [])
    assert execute.stable_ids(['<td id="T_0f3ca_row0">', '<table id="T_0f3ca">'], '3_0')==['<td id="T_3_0_0_row0"><table id="T_3_0_0">']
