"Wheel and sdist from a clean tree; the wheel does its main job in an environment that has nothing else of ours."
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

@pytest.fixture(scope='module')
def built(tmp_path_factory):
    "Folder with a wheel and an sdist, built of the files that git knows."
    here = tmp_path_factory.mktemp('tree')
    if not (ROOT/'.git').exists(): pytest.skip('not a git checkout, so there is no clean tree to build from')
    listed = subprocess.run(['git', '-c', f'safe.directory={ROOT}', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=ROOT, capture_output=True)
    assert listed.returncode==0, listed.stderr.decode()
    for name in filter(None, listed.stdout.decode().split('\0')):
        if (ROOT/name).is_file():
            (here/name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT/name, here/name)
    done = subprocess.run([sys.executable, '-m', 'build', '--no-isolation', '--outdir', here/'made', here], capture_output=True, text=True)
    assert done.returncode==0, done.stdout[-3000:]+done.stderr[-3000:]
    return here/'made'

def one(folder, pattern):
    found = list(folder.glob(pattern))
    assert len(found)==1, found
    return found[0]

def test_wheel_holds_the_library_and_nothing_else(built):
    names = zipfile.ZipFile(one(built, '*.whl')).namelist()
    tops = {n.split('/')[0] for n in names}
    assert {t for t in tops if not t.endswith('.dist-info')}=={'clustering_nb'}
    there = {f'clustering_nb/{p.relative_to(ROOT/"clustering_nb").as_posix()}' for p in (ROOT/'clustering_nb').rglob('*') if p.is_file() and '__pycache__' not in p.parts}
    assert there<=set(names), there-set(names)

def test_sdist_can_be_built_from(built):
    names = {n.split('/', 1)[1] for n in tarfile.open(one(built, '*.tar.gz')).getnames() if '/' in n}
    assert {'settings.ini', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'clustering_nb/core.py'}<=names

def test_metadata_says_what_settings_say(built):
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    wheel = zipfile.ZipFile(one(built, '*.whl'))
    said = wheel.read(next(n for n in wheel.namelist() if n.endswith('.dist-info/METADATA'))).decode()
    assert f"Version: {cfg['DEFAULT']['version']}" in said and f"Requires-Python: >={cfg['DEFAULT']['min_python']}" in said
    assert 'assets/report.png)' in said and not re.findall(r'\]\((?!https?:|#)[^)]*\)', said), 'The page of an index has no files beside it'
    base = [m for m in re.findall(r'^Requires-Dist: (.+)$', said, re.M) if 'extra ==' not in m]
    assert len(base)==len(cfg['DEFAULT']['requirements'].split())
    assert set(re.findall(r'^Provides-Extra: (.+)$', said, re.M))==set(cfg['DEFAULT']['extras'].split())

def test_wheel_in_an_empty_environment(built, tmp_path):
    "Its requirements and nothing else: digits clustered, report written, extras asked for in words."
    venv = tmp_path/'venv'
    subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    pip = subprocess.run([venv/'bin/python', '-m', 'pip', 'install', '--disable-pip-version-check', '-q', one(built, '*.whl')], capture_output=True, text=True)
    if pip.returncode and re.search('new connection|name resolution', pip.stderr): pytest.skip('no package index can be reached to install from')
    assert pip.returncode==0, pip.stderr[-2000:]
    env = {k: v for k,v in os.environ.items() if k not in ('PYTHONPATH', 'NUMBA_CACHE_DIR')}|{'CLUSTERING_NB_CACHE': str(tmp_path/'cache')}
    program = lambda *words: subprocess.run([venv/'bin/clustering-nb', *words], cwd=tmp_path, env=env, capture_output=True, text=True)
    run = program('run', 'digits', '--recipe', 'pixels+pca:20+kmeans:10', '--out', 'report', '--json')
    assert run.returncode==0, run.stderr
    assert json.loads(run.stdout)['acc']>.6 and 'clustering-nb' in (tmp_path/'report/report.html').read_text(encoding='utf-8')
    lacking = program('run', 'digits', '--recipe', 'ae:4+kmeans:10')
    assert lacking.returncode and 'torch' in lacking.stderr and 'Traceback' not in lacking.stderr
    assert program('list').returncode==0
