"The HTML report in a real browser: what it draws, how it reacts, and that it loads and runs nothing but itself."
import io
import json
import re
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA

from clustering_nb.browsing import nearest
from clustering_nb.cli import save_run
from clustering_nb.data import Images, load
from clustering_nb.report import write_report
from clustering_nb.study import Experiment, run

HOSTILE = '<img src=x onerror="window.__hacked=1"><script>window.__hacked=1</script>'

@pytest.fixture(scope='module')
def pages(tmp_path_factory):
    "Reports by name."
    folder,digits = tmp_path_factory.mktemp('reports'),load('digits')
    x = digits.data.reshape(len(digits), -1).astype(np.float32)
    xy = PCA(2, random_state=0).fit_transform(x)
    y = KMeans(10, n_init=1, random_state=0).fit_predict(x)
    noisy = np.where(np.arange(len(y))%7==0, -1, y)
    few = Images(digits.data[:90], digits.labels[:90], [f'{HOSTILE}{i}' for i in range(10)], [f'{HOSTILE}</script>\u202e"\'{i}' for i in range(90)],
                 name=HOSTILE, skipped=[(HOSTILE, HOSTILE)], ignored={HOSTILE: 1})
    iris = load('iris')
    return {name: write_report(folder/f'{name}.html', *args, **kw) for name,args,kw in [
        ('digits', (digits, y, xy), dict(vectors=x, scores={'acc': .79, 'silhouette': None}, command='clustering-nb run digits', code='run()')),
        ('noisy', (digits, noisy, xy), dict(vectors=x, thumbnail_bytes=9_000)),
        ('hostile', (few, noisy[:90], xy[:90]), dict(title=HOSTILE, recipe=HOSTILE, command=HOSTILE, code=HOSTILE, map_note=HOSTILE,
                                                     facts={HOSTILE: {HOSTILE: HOSTILE}}, scores={HOSTILE: .5}, score_words={HOSTILE: HOSTILE})),
        ('one', (digits[:1], [5], [[0, 0]]), {}),
        ('all-noise', (digits, np.full(len(y), -1), xy), {}),
        ('one-place', (digits, y, np.zeros((len(y), 2))), {}),
        ('many', (Images(digits.data, np.arange(len(y))%40), np.arange(len(y))%233*3, xy), {}),
        ('vectors', (iris, iris.labels, iris.data[:, :2]), {'vectors': iris.data})]}

@pytest.fixture(scope='module')
def album(tmp_path_factory):
    "Pieces of two photos as files, three nested levels, and reports of them: pictures inside, pictures in a folder, and that folder lost."
    folder = tmp_path_factory.mktemp('album')
    (folder/'photos').mkdir()
    for name in ('china', 'flower'):
        whole = load_sample_image(f'{name}.jpg')
        for i,(top,left) in enumerate((t, l) for t in range(0, 400, 60) for l in range(0, 480, 40)): Image.fromarray(whole[top:top+150, left:left+160]).save(folder/'photos'/f'{name} é{i:03d}.jpg')
    images = load(folder/'photos').without_labels()
    x = PCA(10, random_state=0).fit_transform(images.pixels().reshape(len(images), -1).astype(np.float32))
    fine = KMeans(14, n_init=1, random_state=0).fit_predict(x)
    fine[::3] = -1
    coarse = np.where(fine<0, -1, fine//5)
    def report(name, **kw): return write_report(folder/f'{name}.html', images, fine, x[:, :2], vectors=x, base=x, levels={'coarse': coarse, 'medium': fine, 'fine': fine}, stability={'coarse': .91}, titles={3: 'petals'}, copies={'a copy.jpg': str(images.names[0])}, **kw)
    pages = {'inside': report('inside'), 'beside': report('beside', picture_bytes=0), 'lost': report('lost', picture_bytes=0), 'odd': report('100 % #1?', picture_bytes=0)}
    shutil.rmtree(folder/'lost_files')
    return images,fine,coarse,x,pages

def test_a_level_without_a_stability_is_left_out(album):
    assert 'give: coarse 0.91.</p>' in album[4]['inside'].read_text(encoding='utf-8') # Of two

@pytest.fixture
def visit(browser, pages):
    "Open a report; afterwards, nothing may have gone wrong in it. Two remarks of Chromium on plotly's own canvases don't count."
    contexts,faults = [],[]
    def _visit(path, width=1280, **options):
        path = pages.get(path, path)
        contexts.append(browser.new_context(viewport={'width': width, 'height': 900}, **options))
        page = contexts[-1].new_page()
        page.on('console', lambda m: m.type in ('error', 'warning') and not any(w in m.text for w in ('GL Driver Message', 'willReadFrequently')) and faults.append(f'{m.type}: {m.text}'))
        page.on('pageerror', lambda e: faults.append(f'exception: {e}'))
        beside = path.with_name(f'{path.stem}_files').as_uri()+'/'
        page.on('request', lambda r: r.url.split('#')[0]!=path.as_uri() and not r.url.startswith(beside) and not r.url.startswith(('data:', 'blob:')) and faults.append(f'request: {r.url}'))
        page.goto(path.as_uri())
        page.wait_for_selector('html[data-ready=yes]', timeout=60_000)
        page.evaluate("document.getElementById('map-title').scrollIntoView({behavior: 'instant'})")
        return page
    yield _visit
    for c in contexts: c.close()
    assert not faults

DRAWN = "document.querySelector('.js-plotly-plot').data.reduce((n, trace) => n + trace.x.length, 0)"
PLACE = """i => {
  const map = document.getElementById('map'), box = map.getBoundingClientRect(), {xaxis, yaxis} = map.layout, trace = map.data[0];
  const at = (v, [low, high], span) => (v - low) / (high - low) * span;
  return [box.left + 10 + at(trace.x[i], xaxis.range, box.width - 20), box.bottom - 10 - at(trace.y[i], yaxis.range, box.height - 20)];
}"""
INK = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 < 3 && v).length"

def coloured(png):
    "Number of pixels that are far from grey."
    x = np.asarray(Image.open(io.BytesIO(png)).convert('RGB')).astype(int)
    return int((np.ptp(x, axis=-1)>60).sum())

def hover(page, i=0):
    "Point at an image of the first trace."
    x,y = page.evaluate(PLACE, i)
    page.mouse.move(x-30, y-30)
    page.mouse.move(x, y, steps=4)
    page.wait_for_selector('#tip:not([hidden])')

@pytest.mark.parametrize('name,n', [('digits', 1797), ('noisy', 1797), ('hostile', 90), ('one', 1), ('all-noise', 1797), ('one-place', 1797), ('many', 1797), ('vectors', 150)])
def test_every_image_is_a_point(visit, name, n):
    page = visit(name)
    assert page.evaluate(DRAWN)==n
    assert all(kind=='scattergl' for kind in page.evaluate("document.getElementById('map').data.map(trace => trace.type)"))
    assert page.locator('#legend button').count()==page.evaluate("document.getElementById('map').data.length")

def test_webgl_draws(visit):
    page = visit('digits')
    canvases = page.locator('#map canvas')
    assert canvases.count() and coloured(page.locator('#map').screenshot())>5_000
    assert page.evaluate("Plotly.toImage('map', {width: 300, height: 300})").startswith('data:image/png')

def test_hover_shows_the_picture(visit):
    page = visit('digits')
    hover(page)
    page.wait_for_function(f"({INK})(document.querySelector('#tip canvas')) > 20")
    text = page.inner_text('#tip')
    assert 'cluster 0' in text and 'class' in text and 'strength' in text
    page.mouse.move(5, 5)
    page.wait_for_selector('#tip', state='hidden')

def test_click_keeps_the_picture(visit):
    page = visit('digits')
    hover(page, 3)
    page.mouse.down(); page.mouse.up()
    page.wait_for_selector('#picture:not([hidden])')
    assert page.eval_on_selector('#picture', INK)>20
    assert page.evaluate("document.getElementById('map').layout.shapes.length")==2
    shown = page.inner_text('#facts-of')
    assert page.evaluate("document.activeElement.id")=='map' # So the keys go to it
    page.keyboard.press('ArrowRight')
    page.wait_for_function("old => document.getElementById('facts-of').innerText !== old", arg=shown)
    shown = page.inner_text('#facts-of')
    page.click('#after')
    page.wait_for_function("old => document.getElementById('facts-of').innerText !== old", arg=shown)
    page.click('#close')
    assert page.locator('#picture').is_hidden() and not page.evaluate("document.getElementById('map').layout.shapes.length")

def test_a_quick_click_counts(visit):
    "A mouse that comes, presses and goes before plotly has looked what lies under it; one that drags has not clicked."
    page = visit('digits')
    hover(page, 3)
    x,y = page.evaluate(PLACE, 7)
    quick = """([x, y, by]) => {
      const send = (target, kind, dx) => target.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true, view: window, clientX: x + dx, clientY: y, buttons: kind === 'mouseup' ? 0 : 1}));
      const rect = document.querySelector('#map .nsewdrag');
      send(rect, 'mousemove', -300); send(rect, 'mousemove', 0); send(rect, 'mousedown', 0);
      if (by) for (const e of [by / 2, by]) send(document.querySelector('.dragcover'), 'mousemove', e);
      send(document.querySelector('.dragcover'), 'mouseup', by);
    }"""
    page.evaluate(quick, [x, y, 200])
    page.wait_for_timeout(1000) # Sooner, it would be a double click
    assert page.locator('#picture').is_hidden()
    page.evaluate(quick, [*page.evaluate(PLACE, 7), 0])
    page.wait_for_selector('#picture:not([hidden])')
    assert '\n8 of ' in page.inner_text('#facts-of') # The place in its cluster, whose images are the trace's points

def test_keyboard(visit):
    page = visit('digits')
    page.focus('#map')
    said = []
    for key in ('ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowLeft', 'ArrowDown', 'ArrowUp'):
        page.keyboard.press(key)
        page.wait_for_function("old => document.getElementById('live').textContent !== old", arg=said[-1] if said else '')
        said.append(page.inner_text('#live'))
    place = [re.search(r', (\d+) of (\d+) in cluster (\d)', s).groups() for s in said]
    last = place[0][1]
    assert [(i, k) for i,_,k in place]==[('1', '0'), ('2', '0'), ('1', '0'), (last, '0'), ('1', '1'), ('1', '0')]
    page.keyboard.press('Enter')
    assert page.locator('#legend button[aria-pressed=true]').count()==1 and page.input_value('#only')=='0'
    page.keyboard.press('Escape')
    assert page.input_value('#only')=='' and page.locator('#buttons').is_hidden()

def test_pictures_of_the_galleries_by_keyboard(visit):
    page = visit('digits')
    page.locator('.first.pics img').nth(1).focus()
    page.keyboard.press('Enter')
    page.wait_for_selector('#facts-of:not([hidden])')
    assert page.locator('.first.pics img').nth(1).get_attribute('role')=='button' and page.evaluate("document.activeElement.id")=='map'

def test_colour_by_class_and_highlight(visit):
    page = visit('noisy')
    assert page.evaluate("document.getElementById('map').data[0].name")=='in no cluster' # Drawn first, underneath
    page.select_option('#by', 'class')
    page.wait_for_function("document.getElementById('map').data.length === 10")
    assert page.evaluate(DRAWN)==1797
    page.locator('#legend button').nth(2).click()
    faint = page.evaluate("document.getElementById('map').data.map(trace => trace.marker.opacity)")
    assert [i for i,o in enumerate(faint) if o>.5]==[2]
    page.locator('.show').first.click()
    page.wait_for_selector('#facts-of:not([hidden])')
    assert page.input_value('#by')=='cluster' and page.input_value('#only')!=''

def test_labels_name_each_cluster(visit):
    page = visit('digits')
    texts = page.evaluate("document.getElementById('map').layout.annotations.map(a => a.text)")
    assert sorted(texts)==[str(i) for i in range(10)]
    before = page.evaluate("document.getElementById('map').layout.xaxis.range")
    box = page.locator('#map').bounding_box()
    page.mouse.move(box['x']+200, box['y']+200)
    page.keyboard.down('Control'); page.mouse.wheel(0, -200); page.keyboard.up('Control')
    page.wait_for_function("old => document.getElementById('map').layout.xaxis.range[0] > old", arg=before[0])

def test_many_turns_of_the_wheel_are_one_drawing(visit):
    page = visit('digits')
    found = page.evaluate('''() => new Promise(done => {
      const map = document.getElementById('map'), before = map.layout.xaxis.range.slice();
      let moved = 0, named = 0;
      map.on('plotly_relayout', changed => { if (changed.annotations) named++; else moved++; });
      for (let i = 0; i < 20; i++) map.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true, ctrlKey: true, deltaY: -5, clientX: 400, clientY: 400}));
      setTimeout(() => done([moved, named, (before[1] - before[0]) / (map.layout.xaxis.range[1] - map.layout.xaxis.range[0])]), 1500);
    })''')
    assert found[:2]==[1, 1] and found[2]==pytest.approx(np.exp(20*5*.006), rel=1e-3)

def test_a_point_without_thumbnail_says_so(visit):
    page = visit('noisy')
    assert 'Thumbnails for ' in page.inner_text('main')
    page.focus('#map')
    seen = set()
    for _ in range(40):
        page.keyboard.press('ArrowRight')
        page.wait_for_timeout(20)
        seen.add((page.locator('#picture').is_visible(), page.locator('#no-picture').is_visible()))
    assert seen=={(True, False), (False, True)} and 'No thumbnail for this one.' in page.eval_on_selector('#no-picture', 'e => e.textContent')

def test_hostile_names_are_text(visit):
    page = visit('hostile')
    hover(page)
    page.mouse.down(); page.mouse.up()
    page.select_option('#by', 'class')
    page.wait_for_selector('#facts-of:not([hidden])')
    assert page.evaluate('window.__hacked') is None
    assert page.inner_text('h1')==HOSTILE
    assert HOSTILE in page.inner_text('#facts-of') and HOSTILE in page.inner_text('#tip')
    assert page.locator('main img').evaluate_all("all => all.every(e => e.src.startsWith('data:image/'))")

@pytest.mark.parametrize('name', ['digits', 'hostile', 'many', 'vectors'])
def test_narrow_screens(visit, name):
    page = visit(name, width=380)
    assert page.evaluate('document.documentElement.scrollWidth')<=380
    assert page.locator('#map').bounding_box()['height']>=300

def contrast(a, b):
    def luminance(rgb):
        c = np.array(rgb)/255
        return np.where(c<=.04045, c/12.92, ((c+.055)/1.055)**2.4) @ [.2126, .7152, .0722]
    high,low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high+.05)/(low+.05)

@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_contrast(visit, scheme):
    page = visit('digits', color_scheme=scheme)
    def colour(what, prop):
        text = page.eval_on_selector(what, f"e => getComputedStyle(e).{prop}")
        return [float(v) for v in text[text.index('(')+1:-1].split(',')[:3]]
    ground = colour('body', 'backgroundColor')
    assert (max(ground)<60) == (scheme=='dark')
    for what in ('body', '.hint', 'nav a', 'summary .mostly', 'abbr'): assert contrast(colour(what, 'color'), ground)>=4.5, what
    assert contrast(colour('#legend button', 'color'), ground)>=7

def test_made_to_be_read_by_machines_for_people(visit):
    page = visit('noisy')
    levels = page.eval_on_selector_all('h1, h2, h3, h4', 'all => all.map(e => Number(e.tagName[1]))')
    assert levels[0]==1 and levels.count(1)==1 and all(b-a<=1 for a,b in zip(levels, levels[1:]))
    assert page.eval_on_selector_all('img', 'all => all.every(e => e.alt)')
    assert page.eval_on_selector_all('button, select', "all => all.every(e => e.innerText || e.labels?.length || e.ariaLabel)")
    assert page.get_attribute('html', 'lang')=='en' and page.locator('main, header, nav, footer').count()==4
    page.evaluate('scrollTo(0, 0)')
    page.keyboard.press('Tab')
    assert page.evaluate('document.activeElement.className')=='skip'

def test_print(visit):
    page = visit('many', color_scheme='dark')
    assert page.locator('details:not([open])').count()>200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator('details:not([open])').count()==0 and page.get_attribute('html', 'data-print') is not None
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator('details:not([open])').count()>200
    assert page.pdf()[:4]==b'%PDF'
    page.wait_for_function("!document.documentElement.hasAttribute('data-print')")
    assert page.locator('details:not([open])').count()>200

def test_without_javascript(browser, pages):
    page = (context := browser.new_context(java_script_enabled=False)).new_page()
    page.goto(pages['digits'].as_uri())
    assert 'The map, search and other levels need JavaScript' in page.inner_text('main') and page.locator('.pics img').count()>100
    assert page.locator('.show').first.is_hidden()
    context.close()

def test_large(visit, tmp_path):
    "70 000 pictures of 28 × 28 pixels: below 25 MB, and quick to use."
    n,rng = 70_000,np.random.default_rng(0)
    y,u = np.arange(n)%10,np.linspace(0, 1, 28)
    a,b = rng.uniform(2, 9, (2, n, 1, 1)).astype(np.float32)
    x = (127*(1+np.sin(a*u[:, None]+y[:, None, None])*np.cos(b*u))).astype(np.uint8) # Waves, ten phases
    xy = np.stack([np.cos(y), np.sin(y)], 1)+rng.normal(0, .2, (n, 2))
    path = write_report(tmp_path/'large.html', Images(x, y), y, xy)
    assert path.stat().st_size<25e6 and 'Every point has a thumbnail' in path.read_text(encoding='utf-8')
    page = visit(path)
    assert page.evaluate(DRAWN)==n and coloured(page.locator('#map').screenshot())>20_000
    start = time.time()
    hover(page, 7)
    page.wait_for_function(f"({INK})(document.querySelector('#tip canvas')) > 20")
    assert time.time()-start<5

# ---- Photos

COLOURS = "c => new Set(Array.from({length: 64}, (_, i) => c.getContext('2d').getImageData((i * 37) % c.width, (i * 53) % c.height, 1, 1).data.join())).size"

@pytest.mark.parametrize('kind', ['inside', 'beside', 'odd'])
def test_photos_have_a_larger_picture_and_neighbours(visit, album, kind):
    images,fine,_,x,pages = album
    assert (pages[kind].with_name('beside_files')).is_dir() and not pages['inside'].with_name('inside_files').exists()
    page = visit(pages[kind])
    hover(page)
    page.wait_for_function("document.querySelector('#tip canvas').width===96")
    page.focus('#map')
    page.keyboard.press('Home')
    page.wait_for_selector('#picture:not([hidden])')
    assert page.evaluate("document.getElementById('picture').width")==160
    if kind=='inside': assert page.eval_on_selector('#picture', COLOURS)>20 # A canvas with a picture from a file can't be read
    i = int(page.eval_on_selector('#picture', "c => c.dataset.i"))
    shown = page.eval_on_selector_all('#near .thumb', "all => all.map(t => Number(t.dataset.i))")
    assert shown==nearest(x)[i].tolist()
    page.focus('#near .thumb >> nth=1')
    page.keyboard.press('Enter')
    assert page.evaluate("document.getElementById('near').contains(document.activeElement)")
    page.wait_for_function(f"document.getElementById('picture').dataset.i==='{shown[1]}'")
    assert images.names[shown[1]] in page.inner_text('#facts-of')

def test_levels_are_one_click_away(visit, album):
    _,fine,coarse,_,pages = album
    page = visit(pages['inside'])
    assert page.locator('[name=level]').count()==2 and page.locator('.levels label').all_inner_texts()[1].startswith('medium, fine')
    assert page.locator('.cards:visible .card').count()==15 and page.locator('#legend button').count()==15
    page.get_by_text('coarse').first.click()
    page.wait_for_function("document.querySelectorAll('#legend button').length===4")
    assert page.locator('.cards:visible .card').count()==4
    assert page.evaluate("document.querySelector('.js-plotly-plot').data.map(t => t.x.length).sort()")==page.evaluate("a => a.sort()", [int((coarse==c).sum()) for c in range(-1, 3)])
    page.focus('#map')
    page.keyboard.press('Home')
    page.wait_for_selector('#facts-of:not([hidden])')
    assert f"of {(coarse==0).sum()}" in page.inner_text('#facts-of').replace('\u202f', '')
    page.keyboard.press('Escape')
    page.focus('[name=level]:checked')
    page.keyboard.press('ArrowRight')
    page.wait_for_function("document.querySelectorAll('#legend button').length===15")

def test_groups_open_down_to_single_photos(visit, album):
    images,fine,coarse,_,pages = album
    page = visit(pages['inside'])
    cells = page.locator('#tree .cell')
    assert cells.count()==4 and sum(int(t) for t in page.locator('.cell-head i').all_inner_texts())==len(images)
    first = int((coarse==np.bincount(coarse[coarse>=0]).argmax()).sum())
    cells.first.focus()
    page.keyboard.press('Enter')
    page.wait_for_selector('#path [aria-current] >> text=coarse')
    assert sum(int(t) for t in page.locator('.cell-head i').all_inner_texts())==first
    cells.first.click()
    page.wait_for_selector('#tree.gallery .thumb')
    n = page.locator('#tree .thumb').count()
    members = page.eval_on_selector_all('#tree .thumb', "all => all.map(t => Number(t.dataset.i))")
    assert n==(fine==fine[members[0]]).sum()
    page.keyboard.press('Escape') # Focus is on the path
    page.wait_for_selector('#tree:not(.gallery) .cell')
    page.click('.cards:visible .card[data-k="-1"] summary')
    page.click('.cards:visible .card[data-k="-1"] .all')
    page.wait_for_selector('#path [aria-current] >> text=In no cluster')
    assert page.locator('#tree .thumb').count()==(fine<0).sum()
    page.keyboard.press('Escape')
    page.wait_for_selector('#tree:not(.gallery) .cell')
    page.click('.all:visible >> nth=0')
    page.wait_for_selector('#tree.gallery .thumb')
    page.click('#tree .thumb >> nth=2')
    page.wait_for_selector('#picture:not([hidden])')

def test_a_group_keeps_the_keyboard_when_the_window_changes(visit, album):
    page = visit(album[-1]['inside'])
    page.focus('#tree .cell >> nth=1')
    name = page.evaluate('document.activeElement.title')
    page.set_viewport_size({'width': 700, 'height': 900})
    page.wait_for_function("document.getElementById('tree').classList.contains('narrow') || document.getElementById('tree').clientWidth < 700")
    page.wait_for_timeout(200)
    assert name and page.evaluate('document.activeElement.title')==name

def test_search_by_name(visit, album):
    page = visit(album[-1]['inside'])
    page.fill('#search', 'E01 flow') # Without its accent, in another order
    page.wait_for_selector('#found .thumb')
    assert page.locator('#found .thumb').count()==10 and '10 found' in page.inner_text('#found-text')
    page.keyboard.press('Enter')
    page.wait_for_selector('#facts-of:not([hidden])')
    assert 'flower é01' in page.inner_text('#facts-of') and not page.is_visible('#found')
    page.fill('#search', 'zebra')
    assert '0 found' in page.inner_text('#found-text')
    page.fill('#search', 'china')
    page.focus('#found .thumb >> nth=1')
    page.keyboard.press('Escape')
    assert not page.is_visible('#found')
    page.fill('#search', '')
    page.keyboard.press('Enter')
    assert 'flower é01' in page.inner_text('#facts-of')

@pytest.mark.parametrize('width', [320, 768])
def test_photos_on_narrow_screens(visit, album, width):
    page = visit(album[-1]['inside'], width, color_scheme='dark')
    assert page.evaluate('document.documentElement.scrollWidth')<=width
    page.click('#tree .cell >> nth=0')
    page.focus('#map')
    page.keyboard.press('Home')
    page.wait_for_selector('#picture:not([hidden])')
    assert page.evaluate('document.documentElement.scrollWidth')<=width and page.evaluate("document.getElementById('picture').getBoundingClientRect().width")>=140

def test_copies_are_listed_and_titles_shown(visit, album):
    page = visit(album[-1]['inside'])
    assert 'a copy.jpg' in page.inner_text('.doubles') and '1 image that shows what another one does was left out' in page.inner_text('main')
    assert page.get_by_role('heading', name=re.compile('Cluster 3: petals')).count()==1

def test_a_page_without_its_folder_says_so(browser, album):
    page = browser.new_page()
    page.goto(album[-1]['lost'].as_uri())
    page.wait_for_selector('html[data-ready=yes]', timeout=60_000)
    page.focus('#map')
    page.keyboard.press('Home')
    page.wait_for_selector('#missing:not([hidden])')
    assert 'lost_files' in page.inner_text('#missing')
    page.close()

def test_groups_that_are_not_split_at_each_level(visit, tmp_path):
    "All in one coarse group, left-overs below it, and a level that is shown first although nobody has looked at the ones above."
    x = np.random.default_rng(0).normal(size=(60, 2))+np.repeat([[0, 0], [9, 9], [0, 9]], 20, 0)
    fine = np.where(np.arange(60)%10==0, -1, np.arange(60)//10)
    levels = {'coarse': np.zeros(60, int), 'medium': np.where(np.arange(60)<20, 0, np.where(np.arange(60)%20==0, -1, 1)), 'fine': fine}
    for images in (Images(np.zeros((60, 9, 9), np.uint8)), Images(x)):
        page = visit(write_report(tmp_path/f'{images.is_vectors}.html', images, fine, x, vectors=x, levels=levels))
        for _ in range(3):
            if page.locator('#tree .cell').count(): page.click('#tree .cell >> nth=-1')
        assert page.locator('#tree .thumb').count()>0

def test_pictures_beside_a_run(album, tmp_path):
    "Made once for the same photos in the same order, made again where something is missing, and older ones go."
    images = album[0]
    def save(k):
        result = run(Experiment('album', f'pixels:8+pca:5+kmeans:{k}'), images, cache=False)
        save_run(tmp_path/'out', images, result, 'pca', picture_bytes=0)
        folder, = (tmp_path/'out'/'report_files').iterdir()
        assert f'"folder":"report_files/{folder.name}"' in (tmp_path/'out'/'report.html').read_text(encoding='utf-8')
        return folder
    first = save(3)
    made = (first/'small0.jpg').stat().st_mtime_ns
    assert save(3)==first and (first/'small0.jpg').stat().st_mtime_ns==made
    (first/'large2.jpg').unlink()
    assert save(3)==first and (first/'large2.jpg').exists()
    second = save(5)
    assert second!=first and not first.exists()
    shutil.rmtree(tmp_path/'out'/'report_files')
    (tmp_path/'out'/'report_files').write_text('mine')
    before = (tmp_path/'out'/'report.html').read_bytes()
    with pytest.raises(ValueError, match='is a file or a link'): save(3)
    assert (tmp_path/'out'/'report_files').read_text()=='mine' and (tmp_path/'out'/'report.html').read_bytes()==before
    assert not list((tmp_path/'out').glob('.writing-*'))

def test_pictures_of_a_report_are_not_photos(album):
    "Who clusters the folder that holds a report gets photos only."
    _,_,_,_,pages = album
    found = load(pages['beside'].parent)
    assert len(found)==len(album[0]) and found.ignored['pictures of a report']>=1

def test_the_large_table_is_read_by_keyboard(visit, tmp_path):
    classes = np.repeat(np.arange(40), 5)
    clusters = np.where(np.arange(200)%5<3, classes, (classes+7)%40)
    path = write_report(tmp_path/'table.html', Images(np.zeros((200, 3), np.float32), classes), clusters, np.random.default_rng(0).normal(size=(200, 2)))
    page = visit(path)
    said = lambda: re.fullmatch(r'Class (\d+), cluster (\d+): (\d+) of the 5 of the class.', page.inner_text('#heat-text')).groups()
    page.focus('#heat')
    page.keyboard.press('ArrowRight')
    first = said()
    assert first[0]=='0' and page.get_attribute('#heat-text', 'aria-live')=='polite'
    seen = [said()]
    for _ in range(5):
        page.keyboard.press('Shift+ArrowRight')
        seen.append(said())
    assert sum(int(n) for _,_,n in dict.fromkeys(seen) if n!='0')==5 and {c for c,_,_ in seen}=={'0'} # All cells of the class that hold something
    page.keyboard.press('ArrowDown')
    assert said()[0]=='1'
    page.keyboard.press('Home'); page.keyboard.press('End'); last = said()[1]
    page.keyboard.press('ArrowRight')
    assert said()[1]==last # There is no further column
    page.hover('#heat', position={'x': 2, 'y': 2})
    assert page.get_attribute('#heat-text', 'aria-live')=='off' and said()[:2]==first[:2]

def test_titles_and_agreement_of_equal_levels(tmp_path):
    "Whatever name of a level they are given by, and by the numbers of that level."
    labels = np.repeat([5, 7, -1], 10)
    levels = {'coarse': np.where(labels<0, -1, 0), 'medium': labels, 'fine': np.where(labels<0, -1, labels-5)}
    text = write_report(tmp_path/'a.html', Images(np.zeros((30, 3), np.float32)), labels, np.random.default_rng(0).normal(size=(30, 2)), levels=levels, level_titles={'fine': {0: 'BIRDS', 2: 'CATS'}, 'coarse': {0: 'ALL'}}, stability={'fine': .77}).read_text()
    facts = json.loads(re.search(r'<script[^>]*id="facts"[^>]*>(.*?)</script>', text, re.S)[1])
    assert [l['titles'] for l in facts['levels']]==[['ALL'], ['BIRDS', 'CATS']] and '.77' in text

def test_pages_of_one_name_share_a_folder(album, tmp_path):
    images = album[0]
    write = lambda name, n: write_report(tmp_path/name, images[:n], album[1][:n], np.random.default_rng(0).normal(size=(n, 2)), picture_bytes=0)
    shown = lambda path: re.search(r'"folder":"([^"]*)"', path.read_text())[1]
    one,two = write('s.html', 40),write('s.htm', 50)
    assert shown(one)!=shown(two) and all((tmp_path/shown(p)/'small0.jpg').is_file() for p in (one, two))
    write('s.html', 45)
    assert len([*(tmp_path/'s_files').iterdir()])==2 # What a page showed before goes

def test_very_many_points(visit, tmp_path, monkeypatch):
    "A page that has some of the points says of all of them how many there are; what it shows of an image is that image's."
    monkeypatch.setattr('clustering_nb.report.MOST_POINTS', 1000)
    monkeypatch.setattr('clustering_nb.report.SHOWN', 400)
    digits = load('digits')
    images = Images(digits.data, np.arange(1797)%40, names=[f'file {i}.png' for i in range(1797)])
    x = digits.data.reshape(1797, -1).astype(np.float32)
    fine = KMeans(45, n_init=1, random_state=0).fit_predict(x)
    fine[::9] = -1
    path = write_report(tmp_path/'many.html', images, fine, PCA(2, random_state=0).fit_transform(x), vectors=x, levels={'coarse': np.where(fine<0, -1, fine//9), 'fine': fine})
    page = visit(path)
    number = lambda text: int(text.replace('\u202f', ''))
    at_level = lambda: sum(number(t) for t in page.locator('#legend .count').all_inner_texts())
    assert at_level()==1797 and 'Map of all 1\u202f797' in page.inner_text('#map-title')
    assert 400<=page.evaluate("JSON.parse(document.getElementById('facts').textContent).n")<1000
    assert page.evaluate("document.getElementById('map').layout.images.length")==1
    page.locator('input[name=level]').first.check(force=True)
    assert at_level()==1797
    page.select_option('#by', 'class')
    assert at_level()==1797
    page.select_option('#by', 'cluster')
    page.locator('.cards:not([hidden]) .pics img').first.click()
    page.wait_for_selector('#facts-of dd')
    said = page.locator('#facts-of dd').all_inner_texts()
    i = int(said[0].split()[1].split('.')[0])
    assert said[1]==str(fine[i]//9) and said[2]==str(i%40)
    place,shown,total = (number(w) for w in re.findall(r'[\d\u202f]+', said[-1]))
    assert place<=shown<total==(np.where(fine<0, -1, fine//9)==fine[i]//9).sum()
    page.fill('#search', f'file {i}.')
    assert page.inner_text('#found-text').startswith('1 found')
    for _ in range(2): page.locator('#tree button.cell').first.click() # A coarse group, and one in it
    page.wait_for_selector('#tree.gallery .thumb')
    words = re.fullmatch(r'([\d\u202f]+) images?, ([\d\u202f]+) of them here, .*', page.inner_text('#tree-text'))
    assert number(words[1])>number(words[2])>0
