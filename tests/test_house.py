"The house: quick imports, exports that match their notebooks, cells and names as agreed."
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(part.startswith(('_', '.')) for part in p.relative_to(ROOT).parts)) # Jupyter keeps copies in folders of its own
LIBRARY = [p for p in NOTEBOOKS if re.match(r'\d\d_', p.name)]

def cells(path): return [(c['cell_type'], ''.join(c['source'])) for c in json.loads(path.read_text(encoding='utf-8'))['cells']]

def best_of(command, runs=4):
    "Shortest wall time of `command`: what it takes on a quiet machine."
    times = []
    for _ in range(runs):
        t = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter()-t)
    return min(times)

def test_imports_are_quick():
    assert best_of([sys.executable, '-c', 'import clustering_nb'])<.5
    assert best_of([Path(sys.executable).with_name('clustering-nb'), '--help'])<1

def test_help_imports_nothing_heavy():
    code = "import sys, clustering_nb.cli as c\ntry: c.main(['--help'])\nexcept SystemExit as e: assert not e.code\nprint([m for m in ('numpy', 'sklearn', 'torch', 'tensorflow', 'umap', 'plotly') if m in sys.modules], file=sys.stderr)"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stderr.strip().endswith('[]')

def test_listing_imports_nothing_heavy():
    code = "import sys, io\nfrom clustering_nb.cli import main\nsys.stdout = io.StringIO()\nassert main(['list'])==0\nprint([m for m in ('torch', 'tensorflow', 'keras', 'umap', 'hdbscan', 'fastcluster', 'plotly') if m in sys.modules], file=sys.stderr)"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stderr.strip().endswith('[]')

def test_export_leaves_no_difference(tmp_path):
    shutil.copytree(ROOT/'nbs', tmp_path/'nbs'); shutil.copy(ROOT/'settings.ini', tmp_path)
    shutil.copytree(ROOT/'clustering_nb', tmp_path/'clustering_nb', ignore=lambda _, names: [n for n in names if n.endswith('.py') and n!='__init__.py']) # A module whose notebook is gone would stay otherwise
    env = {k: v for k,v in os.environ.items() if k!='IN_TEST'}
    subprocess.run([Path(sys.executable).with_name('nbdev_export')], cwd=tmp_path, env=env, check=True, capture_output=True)
    for made in sorted((tmp_path/'clustering_nb').glob('*.py')): assert made.read_text()==(ROOT/'clustering_nb'/made.name).read_text(), f'{made.name} differs from its notebook: run `make export`.'
    assert {p.name for p in (tmp_path/'clustering_nb').glob('*.py')}=={p.name for p in (ROOT/'clustering_nb').glob('*.py')}

def test_readme_is_the_home_page():
    done = subprocess.run([sys.executable, ROOT/'tools/readme.py', '--check'])
    assert done.returncode==0, 'README.md is not what nbs/index.ipynb says: run `make execute`, or tools/readme.py.'
    said = (ROOT/'README.md').read_text(encoding='utf-8')
    for to in re.findall(r'\]\(([^)#\s]+)', said): assert re.match('https?:', to) or (ROOT/to).exists(), f'README.md links to {to}, which is not there.'

def test_citation_is_of_this_version():
    said = yaml.safe_load((ROOT/'CITATION.cff').read_text(encoding='utf-8'))
    config = ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini', encoding='utf-8')
    mine = config['DEFAULT']
    assert said['version']==mine['version'] and said['license'].lower()==mine['license'] and said['repository-code']==mine['git_url'] and said['url']==mine['doc_host']+mine['doc_baseurl'] and said['authors']==[{'name': mine['author']}]

def test_notebooks_are_clean(tmp_path):
    shutil.copytree(ROOT/'nbs', tmp_path/'nbs'); shutil.copy(ROOT/'settings.ini', tmp_path)
    subprocess.run([Path(sys.executable).with_name('nbdev_clean')], cwd=tmp_path, check=True, capture_output=True)
    for p in NOTEBOOKS: assert (tmp_path/p.relative_to(ROOT)).read_bytes()==p.read_bytes(), f'{p.name} is not clean: run `make export`.'

@pytest.mark.parametrize('path', LIBRARY, ids=lambda p: p.stem)
def test_library_notebook(path):
    found = cells(path)
    assert found[0][0]=='markdown' and re.match(r'# .+\n\n> .+', found[0][1]), 'Starts with a title and a one-sentence subtitle.'
    module = re.search(r'default_exp (\w+)', '\n'.join(s for k,s in found if k=='code'))[1]
    assert path.stem.split('_', 1)[1]==module
    exported = [s for k,s in found if k=='code' and s.startswith('#| export')]
    for s in exported:
        body = ast.parse(s).body
        imports = [n for n in body if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert not imports or len(imports)==len(body), f'Imports stand alone in their cell: {s[:80]}'

@pytest.mark.parametrize('path', LIBRARY, ids=lambda p: p.stem)
def test_exported_names_are_documented(path):
    for kind,source in cells(path):
        if kind!='code' or not source.startswith('#| export'): continue
        for node in ast.parse(source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith('_'):
                assert ast.get_docstring(node), f'{path.name}: {node.name} has no docstring'

def lazy_factories():
    "Functions that registries know by address; their classes say what parameters are."
    from clustering_nb.clustering import clusterers
    from clustering_nb.embedding import embedders
    from clustering_nb.reduction import reducers
    return {r[name].target.split(':')[1] for r in (embedders, reducers, clusterers) for name in r if isinstance(r[name].target, str)}

@pytest.mark.parametrize('path', LIBRARY, ids=lambda p: p.stem)
def test_parameters_are_explained(path):
    "A docment for each, on its line; or the docstring names it; or a base class explains it, or the class above that a recipe makes."
    sys.path.insert(0, str(ROOT/'tools'))
    import nbfilter
    lazy,told = lazy_factories(),set()
    for kind,source in cells(path):
        if kind!='code' or not source.startswith('#| export'): continue
        code = nbfilter.directives(source)[2]+'\n'
        notes = nbfilter.comments(code)
        for node in nbfilter.definitions(ast.parse(code)):
            if node.name.startswith('_') or node.name in lazy: continue
            f = node if not isinstance(node, ast.ClassDef) else next((f for f in node.body if isinstance(f, ast.FunctionDef) and f.name=='__init__'), None)
            if f is None or isinstance(node, ast.ClassDef) and any(ast.unparse(b).endswith(('Autoencoder', 'VAE')) for b in node.bases): continue
            for name,x,default in nbfilter.arguments(f):
                last = (default or x).end_lineno if x else None
                if x is None or name.lstrip('*') in ('self', 'X', 'y', 'kw', 'a') or last in notes[0]:
                    if isinstance(node, ast.ClassDef): told.add(name)
                    continue
                if nbfilter.registered(node) and {'seed': 'random_state'}.get(name, name) in told: continue # By the class above
                assert f'`{name}`' in ast.get_docstring(node), f'{path.name}: {node.name} does not say what {name} is'
