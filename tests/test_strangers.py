"A folder from a stranger: malformed and hostile files and names. None may stop a run, leave the folder, or be lost without a word."
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, features

from clustering_nb.core import plain_cell, printable

PROGRAM = Path(sys.executable).with_name('clustering-nb')
FORMATS = {'JPEG': 'jpg', 'PNG': 'png', 'GIF': 'gif', 'WEBP': 'webp', 'TIFF': 'tif', 'BMP': 'bmp'}|({'AVIF': 'avif'} if features.check('avif') else {})
NAMES = ['<script>alert(1)</script>.png', '"quoted".png', "it's.png", 'new\nline.png', '\u202egnp.exe.png', 'zero\u200bwidth.png', '-rf.png', '--help.png', '$(touch owned).png', '`touch owned`.png', ';touch owned;.png', '=1+1.png', '@cmd.png',
         '\\..\\..\\up.png', '%2e%2e%2fup.png', 'con.png', 'trailing space .png', ' leading.png', 'emoji 🐈.png', 'Käse.png', 'ka\u0308se.png', 'a'*240+'.png', '{{7*7}}.png', '{% raw %}.png', '&amp;.png', '</td>.png', "'); drop table x;--.png", 'tab\there.png', 'percent%s%n.png', '~.png', 'PNG.PNG', '\x7f.png', '\U0001f600\u2028.png', 'javascript:alert(1).png', 'null.png', 'nan.png', '1e999.png', 'true.png']

def photo(seed, size=(24, 20)): return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))

def encoded(image, format, **kw):
    f = io.BytesIO()
    image.save(f, format, **kw)
    return f.getvalue()

def hostile_files():
    "Name → bytes of more than two hundred files; those that start with `good` or with a strange name can be read."
    files,rng = {},np.random.default_rng(0)
    for i in range(12): files[f'good/{i}.png'] = encoded(photo(i), 'PNG')
    for i,name in enumerate(NAMES): files[f'names/{name}'] = encoded(photo(100+i), 'PNG')
    for f,suffix in FORMATS.items():
        whole = encoded(photo(200), f)
        files[f'good/format.{suffix}'] = whole
        for part in (0, 1, 3, 8, 20, len(whole)//2, len(whole)-5): files[f'cut/{f}-{part}.{suffix}'] = whole[:part]
        for i in range(14): # Some bytes changed
            broken = bytearray(whole)
            for at in rng.integers(0, len(whole), 1+i): broken[at] = rng.integers(256)
            files[f'changed/{f}-{i}.{suffix}'] = bytes(broken)
        files[f'noise/{f}.{suffix}'] = whole[:12]+rng.bytes(3000)
    files['shape/line.png'] = encoded(Image.new('RGB', (1, 60_000)), 'PNG')
    files['shape/row.png'] = encoded(Image.new('RGB', (60_000, 1)), 'PNG')
    files['shape/dot.gif'] = encoded(Image.new('P', (1, 1)), 'GIF')
    files['shape/bomb.png'] = encoded(Image.new('1', (20_000, 10_000)), 'PNG')
    files['shape/large bomb.png'] = encoded(Image.new('1', (60_000, 60_000)), 'PNG')
    claims = bytearray(encoded(photo(1), 'PNG')); claims[16:24] = b'\x7f\xff\xff\xff\x7f\xff\xff\xff'
    files['shape/claims.png'] = bytes(claims)
    for mode in ('1', 'L', 'LA', 'P', 'RGBA', 'I;16'): files[f'modes/{mode.replace(";", "")}.png'] = encoded(photo(3).convert('L').convert(mode) if mode=='I;16' else photo(3).convert(mode), 'PNG')
    files['modes/cmyk.jpg'] = encoded(photo(3).convert('CMYK'), 'JPEG'); files['modes/float.tif'] = encoded(photo(3).convert('F'), 'TIFF')
    files['wrong/really a png.jpg'] = encoded(photo(4), 'PNG'); files['wrong/text.jpg'] = b'hello'; files['wrong/page.png'] = b'<html><script>alert(1)</script>'
    files['wrong/zip.jpg'] = zipped({'a.txt': b'x'}); files['wrong/pickle.png'] = b'\x80\x04cos\nsystem\n.'; files['wrong/postscript.jpg'] = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n'
    files['other/notes.txt'] = b'x'; files['other/.hidden.png'] = files['good/0.png']; files['other/Thumbs.db'] = b'x'
    return files

def zipped(files):
    f = io.BytesIO()
    with zipfile.ZipFile(f, 'w', zipfile.ZIP_DEFLATED) as z:
        for name,data in files.items(): z.writestr(name, data)
    return f.getvalue()

@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "The files on disk, and what only a disk can have: links, pipes, folders with the name of an image, names that are no text."
    root = tmp_path_factory.mktemp('stranger')/'photos'
    for name,data in hostile_files().items():
        path = root/name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    special = root/'special'; special.mkdir()
    (root.parent/'secret.png').write_bytes(encoded(photo(9), 'PNG'))
    (special/'out.png').symlink_to(root.parent/'secret.png'); (special/'up').symlink_to(root.parent); (special/'round').symlink_to(root); (special/'self.png').symlink_to(special/'self.png'); (special/'nowhere.png').symlink_to(special/'gone.png')
    (special/'.hidden').mkdir(); (special/'.hidden/0.png').write_bytes(encoded(photo(6), 'PNG'))
    (special/'a folder.png').mkdir(); os.mkfifo(special/'pipe.png')
    with suppress(OSError): # Names that are not UTF-8 are refused by macOS
        (root/os.fsdecode(b'caf\xe9')).mkdir(); (root/os.fsdecode(b'caf\xe9')/'0.png').write_bytes(encoded(photo(5), 'PNG'))
        Path(os.fsdecode(os.fsencode(special)+b'/no\xfftext\xfe.png')).write_bytes(encoded(photo(8), 'PNG'))
    deep = root
    for i in range(40): deep = deep/f'd{i}'
    deep.mkdir(parents=True); (deep/'deep.png').write_bytes(encoded(photo(7), 'PNG'))
    return root

@pytest.fixture(scope='module')
def before(folder):
    "When everything in it was changed last."
    return {p: p.lstat().st_mtime_ns for p in folder.rglob('*')}

def call(cwd, *words):
    "Run the program; a Ghostscript that notes when it is called is on its path."
    (cwd/'bin').mkdir(exist_ok=True)
    (cwd/'bin/gs').write_text(f'#!/bin/sh\ntouch "{cwd}/owned"\n'); (cwd/'bin/gs').chmod(0o755)
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, cwd=cwd, timeout=400, env=os.environ|{'CLUSTERING_NB_CACHE': str(cwd/'cache'), 'PATH': f"{cwd}/bin:{os.environ['PATH']}"})

def expected(root):
    "Every file that is there and looks like an image by its name."
    return {printable(os.path.relpath(os.path.join(at, f), root)) for at,_,files in os.walk(root) for f in files if os.path.splitext(f)[1].lower().lstrip('.') in {*FORMATS.values(), 'png', 'jpg'} and not f.startswith('.') and '.hidden' not in at}

@pytest.fixture(scope='module')
def ran(folder, before, tmp_path_factory):
    "A folder with the results of a run in `out`."
    at = tmp_path_factory.mktemp('ran')
    r = call(at, 'run', folder, '--embedder', 'descriptors', '--level', '3', '--picture', 'pca', '--out', at/'out')
    assert r.returncode==0 and 'Traceback' not in r.stderr, r.stderr[-2000:]
    return at

def test_a_run_accounts_for_every_file(folder, before, ran):
    files,tmp_path = expected(folder),ran
    assert len(files)>=200
    cells = pd.read_csv(tmp_path/'out/assignments.csv', keep_default_na=False).image
    done = set(cells.map(plain_cell))
    skipped = {printable(n): reason for n,reason in json.loads((tmp_path/'out/run.json').read_text())['skipped']}
    assert files-done-set(skipped)==set() and not done&set(skipped)
    assert all(skipped.values()) and 'special/out.png' in skipped and 'special/pipe.png' in skipped and 'special/up' in skipped and 'shape/bomb.png' in skipped
    assert {n for n in files if n.startswith(('good/', 'names/', 'modes/'))}<=done and 'shape/line.png' in done
    assert {p: p.lstat().st_mtime_ns for p in folder.rglob('*')}==before # Nothing was written in it
    assert not list(tmp_path.rglob('owned')) and not list(folder.parent.rglob('owned'))
    page = (tmp_path/'out/report.html').read_text(encoding='utf-8')
    assert '<script>alert(1)' not in page and '49.png' not in page

def test_names_that_a_spreadsheet_would_compute(tmp_path):
    names = ['=1+1.png', '+1.png', '-rf.png', '@cmd.png', 'plain.png', '=HYPERLINK("x").png']
    (tmp_path/'photos').mkdir()
    for i,name in enumerate(names): (tmp_path/'photos'/name).write_bytes(encoded(photo(i), 'PNG'))
    r = call(tmp_path, 'run', 'photos', '--recipe', 'descriptors+kmeans:2', '--picture', 'pca', '--out', 'out')
    assert r.returncode==0, r.stderr[-2000:]
    cells = pd.read_csv(tmp_path/'out/assignments.csv', keep_default_na=False).image
    assert not cells.str.match('[=+@-]').any() and sorted(cells.map(plain_cell))==sorted(names)

def test_an_audit_accounts_for_every_file(folder, tmp_path):
    r = call(tmp_path, 'audit', folder, '--quick', '--out', tmp_path/'out', '--json')
    assert r.returncode==0 and 'Traceback' not in r.stderr, r.stderr[-2000:]
    found = json.loads(r.stdout)
    done = set(pd.read_csv(tmp_path/'out/files.csv', keep_default_na=False).name)
    assert expected(folder)-done-{f['file'] for f in found['not_usable']}==set()
    assert found['problems']['mislabelled']==['wrong/really a png.jpg'] and {'shape/line.png', 'shape/row.png'}<=set(found['problems']['extreme_aspect'])
    assert '<script>alert(1)' not in (tmp_path/'out/audit.html').read_text(encoding='utf-8')

def test_a_zip_from_a_stranger(tmp_path):
    files = {f'{"../"*(i%3)}{name}' if i%5==0 else name: data for i,(name,data) in enumerate(hostile_files().items())}|{'/etc/absolute.png': encoded(photo(1), 'PNG'), 'C:\\windows.png': encoded(photo(2), 'PNG')}
    (tmp_path/'stranger.zip').write_bytes(zipped(files))
    r = call(tmp_path, 'run', tmp_path/'stranger.zip', '--recipe', 'pixels:8+kmeans:3', '--picture', 'pca', '--out', tmp_path/'out')
    assert r.returncode==0 and 'Traceback' not in r.stderr, r.stderr[-2000:]
    done = pd.read_csv(tmp_path/'out/assignments.csv', keep_default_na=False).image.map(plain_cell).tolist()
    reasons = {n: r for n,r in json.loads((tmp_path/'out/run.json').read_text())['skipped'] if r!='a class without a readable image'}
    assert reasons['/etc/absolute.png']=='a name that leaves the archive'
    images = [n for n in files if Path(n.replace('\\', '/')).suffix.lower().lstrip('.') in {*FORMATS.values(), 'png', 'jpg'} and '/.' not in n.replace('../', '')]
    assert len(done)+len(reasons)==len(images) and sum(v=='a name that leaves the archive' for v in reasons.values())==1+sum('..' in n.replace('\\', '/').split('/') for n in images)
    r = call(tmp_path, 'export', tmp_path/'out', tmp_path/'sorted')
    assert r.returncode==0, r.stderr
    assert {p.name for p in tmp_path.iterdir()}=={'stranger.zip', 'out', 'sorted', 'cache', 'bin'}
    assert len([p for p in (tmp_path/'sorted').rglob('*') if p.is_file()])==len(pd.read_csv(tmp_path/'out/assignments.csv'))

def test_export_stays_where_it_is_sent(ran, tmp_path):
    shutil.copytree(ran/'out', tmp_path/'out')
    table = (tmp_path/'out/clusters.csv').read_text().splitlines()
    (tmp_path/'out/clusters.csv').write_text('\n'.join([table[0], table[1].replace(',,', ',../../escaped,', 1), table[2].replace(',,', ',/tmp/escaped,', 1), *table[3:]]))
    r = call(tmp_path, 'export', tmp_path/'out', tmp_path/'sorted')
    assert r.returncode==0, r.stderr
    put = [p.relative_to(tmp_path/'sorted').parts for p in (tmp_path/'sorted').rglob('*') if p.is_file()]
    assert {p[0] for p in put}>={'_.._escaped', '_tmp_escaped'} and all(len(p)==2 for p in put) and len(put)==len(pd.read_csv(tmp_path/'out/assignments.csv'))
    assert not (tmp_path.parent/'escaped').exists() and not Path('/tmp/escaped').exists()
