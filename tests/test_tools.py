"Tools of the repository: what is stale, what the README is made of, what the lowest versions are."
import hashlib
import json
import os
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import execute  # noqa: E402
import lowest  # noqa: E402
import readme  # noqa: E402
import studies  # noqa: E402
import tiny_imagenet  # noqa: E402

def notebook(*cells): return {'cells': [{'cell_type': 'code', 'source': [s], 'outputs': [], 'metadata': {}, 'id': f'c{i}'} for i,s in enumerate(cells)], 'metadata': {}, 'nbformat': 4, 'nbformat_minor': 5}

@pytest.fixture
def project(tmp_path, monkeypatch):
    "A project with one study and one page of results."
    (tmp_path/'nbs/studies').mkdir(parents=True); (tmp_path/'results').mkdir()
    monkeypatch.setattr(studies, 'ROOT', tmp_path); monkeypatch.setattr(studies, 'RECORD', tmp_path/'results/executed.json'); monkeypatch.setattr(studies, 'PAGES', ('nbs/results.ipynb',))
    monkeypatch.setenv('CLUSTERING_NB_FULL', '0') # Restored afterwards: `main` sets it
    (tmp_path/'nbs/studies/one.ipynb').write_text(json.dumps(notebook('from clustering_nb.metrics import score', '1+1')))
    (tmp_path/'nbs/results.ipynb').write_text(json.dumps(notebook('2+2')))
    (tmp_path/'results/one.csv').write_text('a\n1\n')
    return tmp_path

def test_what_is_stale_is_executed_once(project, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(studies, 'execute', lambda path, *_: done.append(path.name))
    assert studies.main([])==0 and done==['one.ipynb', 'results.ipynb'] # Studies first
    assert studies.main([])==0 and len(done)==2
    (project/'results/one.csv').write_text('a\n2\n') # The page shows it, the study doesn't
    studies.main([])
    assert done[2:]==['results.ipynb']
    (project/'nbs/studies/one.ipynb').write_text(json.dumps(notebook('from clustering_nb.metrics import score', '1+2')))
    studies.main(['--list'])
    assert 'nbs/studies/one.ipynb: stale (its cells)' in capsys.readouterr().out and len(done)==3
    studies.main([])
    assert done[3:]==['one.ipynb']
    studies.main(['--all', str(project/'nbs/studies/one.ipynb')])
    assert done[4:]==['one.ipynb']

def test_a_study_that_fails_stays_stale(project, monkeypatch, capsys):
    def fail(path, *_): raise studies.Refused('cell 1: no')
    monkeypatch.setattr(studies, 'execute', fail)
    assert studies.main([])==1
    assert 'cell 1: no' in capsys.readouterr().err and studies.stale('nbs/studies/one.ipynb')

def test_other_code_makes_a_study_stale(project, monkeypatch):
    import clustering_nb.core
    first = studies.fingerprint('nbs/studies/one.ipynb')
    monkeypatch.setattr(clustering_nb.core, '_instructions', lambda m: f'other {m}')
    assert studies.modules('nbs/studies/one.ipynb')==['clustering_nb.metrics'] and studies.fingerprint('nbs/studies/one.ipynb')!=first
    studies.remember('nbs/studies/one.ipynb', first)
    assert studies.stale('nbs/studies/one.ipynb')==['code of core', 'code of metrics'] and studies.stale('nbs/results.ipynb')==['no full run on record']

def test_code_of_methods_that_it_only_names_makes_a_study_stale(project):
    (project/'nbs/studies/one.ipynb').write_text(json.dumps(notebook('from clustering_nb.study import run', "recipe = 'simclr:128,steps=400+umap:10+hdbscan'")))
    assert studies.modules('nbs/studies/one.ipynb')==['clustering_nb.clustering', 'clustering_nb.reduction', 'clustering_nb.selfsupervised', 'clustering_nb.study']

def test_other_tables_that_it_reads_make_a_study_stale(project):
    (path := project/'nbs/studies/one.ipynb').write_text(json.dumps(notebook("import pandas as pd\nfrom clustering_nb.metrics import score\nknown = pd.read_csv(RESULTS/'published.csv')", "write_text(RESULTS/'one.csv', '')")))
    (project/'results/published.csv').write_text('acc\n1\n')
    first = studies.fingerprint('nbs/studies/one.ipynb')
    (project/'results/one.csv').write_text('a\n3\n') # Its own
    assert studies.fingerprint('nbs/studies/one.ipynb')==first
    (project/'results/published.csv').write_text('acc\n2\n')
    assert studies.fingerprint('nbs/studies/one.ipynb')!=first

def test_a_notebook_that_was_edited_while_it_ran(project):
    path = project/'nbs/studies/one.ipynb'
    ran = nbformat.read(path, 4)
    execute.cleaned(path, ran)
    path.write_text(json.dumps(notebook('first = 1', *(''.join(c['source']) for c in ran.cells))))
    with pytest.raises(execute.Refused, match='edited while it ran'): execute.cleaned(path, ran)

@pytest.mark.parametrize('path', [p for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if p.parent.name!='studies' and not any(part.startswith(('_', '.')) for part in p.relative_to(ROOT).parts)], ids=lambda p: p.stem) # Studies: results/executed.json
def test_outputs_are_as_new_as_the_cells(path):
    nb = json.loads(path.read_text(encoding='utf-8'))
    if any(c.get('outputs') for c in nb['cells']): assert nb['metadata'].get('executed')==execute.made_of(nb), f'The outputs of {path.name} are older than its cells or tables: run `make execute ONLY={path.relative_to(ROOT).as_posix()}`.'

def test_what_outputs_are_made_of(project, monkeypatch):
    monkeypatch.setattr(execute, 'ROOT', project)
    first = notebook("table = pd.read_csv(RESULTS/'one.csv')", '1+1')
    also = lambda cells: cells|{'cells': [*cells['cells'], {'cell_type': 'markdown', 'source': ['Said later.'], 'metadata': {}}]}
    assert execute.made_of(first)==execute.made_of(also(first))!=execute.made_of(notebook("table = pd.read_csv(RESULTS/'one.csv')", '1+2'))
    then = execute.made_of(first)
    (project/'results/one.csv').write_text('a\n5\n')
    assert execute.made_of(first)!=then and execute.made_of(notebook('1+1'))==execute.made_of(notebook('1+1'))

def test_the_table_of_methods_names_all():
    from clustering_nb.data import datasets
    from clustering_nb.study import clusterers, embedders, reducers
    nb = json.loads((ROOT/'nbs/methods.ipynb').read_text(encoding='utf-8'))
    rows = {line.split('|')[1].strip() for c in nb['cells'] for o in c.get('outputs', []) for line in ''.join(o.get('data', {}).get('text/markdown', [])).splitlines() if line.startswith('| ')}
    assert not {*embedders, *reducers, *clusterers, *datasets}-rows, 'Its outputs are old: run `make execute ONLY=nbs/methods.ipynb`.'

def test_a_cell_is_named_as_its_reader_counts():
    nb = notebook('1', '#| hide\n\nassert False')
    assert execute.named(nb, 1)=='cell 2 (c1: assert False)' and execute.named(notebook(''), 0)=='cell 1 (c0: )'

def test_which_python(monkeypatch):
    import environment
    environment.fits()
    monkeypatch.setattr(sys, 'version_info', (3, 13, 0)); environment.fits()
    with pytest.raises(SystemExit, match=r'needs Python 3\.11 to 3\.12.*PYTHON=python3\.12'): environment.fits('3.12')
    monkeypatch.setattr(sys, 'version_info', (3, 14, 0))
    with pytest.raises(SystemExit, match=r'3\.11 to 3\.13'): environment.fits()

def test_an_environment_keeps_what_it_has_more(tmp_path, monkeypatch):
    import environment
    done = []
    monkeypatch.setattr(environment, 'pip', lambda venv, *words: done.append(words[-1]))
    monkeypatch.setattr(environment.subprocess, 'run', lambda *_, **__: (tmp_path/'v').mkdir(exist_ok=True))
    for kind in ('light', 'site', 'light', 'full', 'site', 'full'): environment.setup(kind, tmp_path/'v')
    assert [w for w in done if w!='wheel']==['.', '.[site]', '.[all,dev]']

def test_links_of_the_readme():
    said = readme.moved('[a](results.ipynb) [b](../assets/x.png) [c](#here) [d](https://x.org/y) `LICENSE.md` `CHANGELOG.md`\n\n```sh\n[e](f.ipynb)\n```\n', 'nbs')
    assert '[a](nbs/results.ipynb) [b](assets/x.png) [c](#here) [d](https://x.org/y) `LICENSE.md` [CHANGELOG.md](CHANGELOG.md)' in said and '[e](f.ipynb)' in said

def test_figures_stay_out_of_the_readme():
    assert readme.shown({'output_type': 'execute_result', 'data': {'text/plain': ['Figure()'], 'application/vnd.plotly.v1+json': {}}})==''
    assert readme.shown({'output_type': 'display_data', 'data': {'text/markdown': ['| a |'], 'text/plain': ['…']}})=='| a |'
    assert '3' in readme.shown({'output_type': 'execute_result', 'data': {'text/plain': ['3']}})

def test_lowest_versions():
    config = ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini', encoding='utf-8')
    found = lowest.lowest(config['DEFAULT'])
    assert all('==' in r and '<' not in r and '>' not in r for r in found) and len({r.split('==')[0] for r in found})==len(found)
    assert f"torch=={config['DEFAULT']['torch_requirements'].split('torch>=')[1].split()[0]}" in found

def packed(path, files):
    "A zip laid out as Tiny ImageNet is."
    with zipfile.ZipFile(path, 'w') as z:
        for name,data in files.items():
            kind = name.split('_')[0]
            z.writestr(f'tiny-imagenet-200/{"train/" if kind[0]=="n" else ""}{kind}/images/{name}', data)

def test_photos_of_the_studies_are_put_together(tmp_path, capsys):
    said = tmp_path/'list.txt'
    files = {'n01_3.JPEG': b'a', 'n01_5.JPEG': b'b', 'n02_0.JPEG': b'c', 'test_1.JPEG': b'd', 'val_1.JPEG': b'e'}
    of = lambda pairs: tiny_imagenet.total((n, hashlib.sha256(files[t]).hexdigest()) for n,t in pairs)
    said.write_text(f"# words\nset few {of([('newt/n01_5.jpg', 'n01_5.JPEG'), ('odd/test_1.jpg', 'test_1.JPEG')])}\nnewt n01 jpg 20\nodd test jpg 2\nset more {'0'*64}\nnewt n01 JPEG 28\n")
    sets = tiny_imagenet.wanted(said)
    packed(tmp_path/'tiny.zip', files)
    assert not tiny_imagenet.build(tmp_path/'tiny.zip', tmp_path/'out', sets) # The second one holds something else
    told = capsys.readouterr().out.splitlines()
    assert told[0]=='few.zip: 2 photos' and 'not those that the studies saw' in told[1]
    with zipfile.ZipFile(tmp_path/'out/few.zip') as z: assert z.namelist()==['few/newt/n01_5.jpg', 'few/odd/test_1.jpg'] and z.read('few/odd/test_1.jpg')==b'd'
    assert tiny_imagenet.build(tmp_path/'tiny.zip', tmp_path/'out', {'few': sets['few']})
    packed(tmp_path/'cut.zip', {'n01_3.JPEG': b'a'})
    with pytest.raises(ValueError, match='lacks 2 of the 2 photos of few, such as n01_5'): tiny_imagenet.build(tmp_path/'cut.zip', tmp_path/'none', sets)
    assert not (tmp_path/'none').exists() and sorted(p.name for p in (tmp_path/'out').iterdir())==['few.zip', 'more.zip']
    (tmp_path/'no.zip').write_text('no zip')
    assert tiny_imagenet.main([str(tmp_path/'no.zip'), str(tmp_path/'none')])==2 and 'not a zip' in capsys.readouterr().err

def test_photos_of_the_studies_are_those_at_hand(tmp_path):
    data = Path(os.environ.get('CLUSTERING_NB_DATA', ''))
    have = [n for n in tiny_imagenet.wanted() if os.environ.get('CLUSTERING_NB_DATA') and (data/f'{n}.zip').is_file()]
    if not have: pytest.skip("no photos201.zip or imagenet10.zip in CLUSTERING_NB_DATA")
    for name in have:
        with zipfile.ZipFile(data/f'{name}.zip') as z: files = {n.rpartition('/')[2].rpartition('.')[0]+'.JPEG': z.read(n) for n in z.namelist()}
        packed(tmp_path/'tiny.zip', files)
        assert tiny_imagenet.build(tmp_path/'tiny.zip', tmp_path, {name: tiny_imagenet.wanted()[name]})

def test_an_environment_of_somebody_else_is_left_alone(tmp_path, monkeypatch):
    import environment
    theirs,ours = tmp_path/'theirs',tmp_path/'ours'
    (theirs/'bin').mkdir(parents=True); (theirs/'pyvenv.cfg').touch(); (theirs/'bin/pip').touch(); (theirs/'precious').touch()
    monkeypatch.setattr(environment, 'pip', lambda *_: None)
    monkeypatch.setattr(environment.subprocess, 'run', lambda *_, **__: (ours/'bin').mkdir(parents=True, exist_ok=True))
    environment.setup('light', theirs); environment.setup('light', ours)
    (ours/'old').touch()
    monkeypatch.setattr(sys, 'version_info', (3, 12, 0))
    with pytest.raises(SystemExit, match='was not made here'): environment.setup('light', theirs)
    assert (theirs/'precious').exists()
    environment.setup('light', ours)
    assert not (ours/'old').exists() and environment.read_stamp(ours)['python']==[3, 12] and environment.read_stamp(ours)['done'] is True
    (tmp_path/'photos').mkdir(); (tmp_path/'photos/a.jpg').touch()
    with pytest.raises(SystemExit, match='a folder with other things'): environment.setup('light', tmp_path/'photos')
