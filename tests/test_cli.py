"The command line as a user meets it: whole processes, real files, and what goes wrong."
import json
import os
import resource
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clustering_nb.core import installed
from clustering_nb.data import load

PROGRAM = Path(sys.executable).with_name('clustering-nb')
FILES = ['assignments.csv', 'clusters.csv', 'reference.npz', 'report.html', 'run.json', 'scores.json']
SHORT = ('--recipe', 'pca:10+kmeans:10', '--picture', 'pca')

@pytest.fixture
def call(tmp_path):
    "Run the program with a cache of its own."
    def _call(*words, debug=False, **kw): return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, cwd=tmp_path, env=os.environ|{'CLUSTERING_NB_CACHE': str(tmp_path/'cache')}|({'CLUSTERING_NB_DEBUG': '1'} if debug else {}), timeout=300, **kw)
    return _call

@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    "Run the program in this process, which is quicker; status, and all that it said."
    from clustering_nb.cli import main
    monkeypatch.chdir(tmp_path); monkeypatch.setenv('CLUSTERING_NB_CACHE', str(tmp_path/'cache'))
    def _call(*words):
        capsys.readouterr()
        try: status = main([*map(str, words)])
        except SystemExit as e: status = e.code
        return status,''.join(capsys.readouterr())
    return _call

@pytest.fixture
def photos(tmp_path):
    "Forty small photos in two folders, one broken file, and names from a stranger."
    rng = np.random.default_rng(0)
    for c,shade in (('dark', 40), ('<b>bright & "odd"', 200)):
        d = tmp_path/'photos'/c; d.mkdir(parents=True)
        for i in range(20): Image.fromarray(np.clip(rng.normal(shade, 20, (30, 40, 3)), 0, 255).astype(np.uint8)).save(d/f'{i}.jpg')
    (tmp_path/'photos/dark/<script>alert(1)<!--.jpg').write_bytes((tmp_path/'photos/dark/0.jpg').read_bytes())
    (tmp_path/'photos/dark/broken.jpg').write_bytes(b'\xff\xd8\xff broken')
    return tmp_path/'photos'

def test_digits_twice(call, tmp_path):
    runs = [call('run', 'digits', '--recipe', 'pca:30+umap:5+gmm:10', '--n', 500, '--seed', 7, '--out', tmp_path/f'out{i}', '--json', *extra) for i,extra in enumerate(([], ['--no-cache'], []))]
    assert all(r.returncode==0 for r in runs), runs[0].stderr
    rows = [json.loads(r.stdout.strip().split('\n')[-1]) for r in runs]
    assert all(len(r.stdout.strip().split('\n'))==1 for r in runs)
    for name in 'acc nmi ari ami v_measure homogeneity completeness purity silhouette davies_bouldin calinski_harabasz n_clusters coverage n seconds peak_memory_mb'.split(): assert rows[0][name] is not None
    tables = [(tmp_path/f'out{i}/assignments.csv').read_text() for i in range(3)]
    assert tables[0]==tables[1]==tables[2] # Same seed, same labels; cached or not
    assert sorted(p.name for p in (tmp_path/'out0').iterdir())==FILES

def test_folder_and_zip(call, photos, tmp_path):
    r = call('run', photos, '--recipe', 'pca:5+kmeans:2', '--out', tmp_path/'out')
    assert r.returncode==0, r.stderr
    assert 'broken.jpg' in r.stderr and 'Report:' in r.stdout and 'acc' in r.stdout
    table = pd.read_csv(tmp_path/'out/assignments.csv')
    assert len(table)==41 and set(table['class'])=={'dark', '<b>bright & "odd"'}
    assert (table.groupby('class').cluster.nunique()==1).all() # Dark and bright are told apart
    with zipfile.ZipFile(tmp_path/'photos.zip', 'w') as z:
        for p in sorted(photos.rglob('*.jpg')): z.write(p, p.relative_to(photos))
    r = call('run', tmp_path/'photos.zip', '--recipe', 'pca:5+kmeans:2', '--out', tmp_path/'zipped')
    assert r.returncode==0 and pd.read_csv(tmp_path/'zipped/assignments.csv').cluster.tolist()==table.cluster.tolist()

def test_flat_folder_has_no_scores_against_classes(call, photos, tmp_path):
    flat = tmp_path/'flat'; flat.mkdir()
    for i,p in enumerate(sorted(photos.rglob('[0-9]*.jpg'))): (flat/f'{i}.jpg').write_bytes(p.read_bytes())
    r = call('run', flat, '--recipe', 'pca:5+kmeans:2', '--out', tmp_path/'out', '--json')
    row = json.loads(r.stdout)
    assert row['ari'] is None and row['silhouette']>0 and row['n']==40
    assert pd.read_csv(tmp_path/'out/assignments.csv').columns.tolist()==['image', 'cluster', 'strength']

@pytest.mark.parametrize('words,status,said', [
    (('run', 'nosuch'), 1, "No data set or path 'nosuch'"),
    (('run', 'digits', '--recipe', 'pca:50+gmn:10'), 1, "Did you mean 'gmm'"),
    (('run', 'digits', '--recipe', 'pca:500+gmm:10'), 1, 'n_components=500'),
    (('run', 'digits', '--n', '5', '--recipe', 'kmeans:10'), 1, 'clusters'),
    (('run', 'digits', '--seed', 'x'), 2, 'a whole number from 0 to'),
    (('frobnicate',), 2, 'invalid choice'),
    ((), 2, 'usage')])
def test_mistakes(call, words, status, said):
    r = call(*words)
    assert r.returncode==status and said in r.stderr and 'Traceback' not in r.stderr

def test_empty_folder(call, tmp_path):
    (tmp_path/'none').mkdir()
    r = call('run', tmp_path/'none')
    assert r.returncode==1 and 'No image files' in r.stderr

def heeds_interrupts():
    "Tests in the background may have been told to ignore Ctrl-C; the program has not."
    signal.signal(signal.SIGINT, signal.SIG_DFL)

def test_interrupted_run_leaves_no_half_file(call, tmp_path):
    "Ctrl-C at several moments: status 130, and what an earlier run wrote is untouched."
    out = tmp_path/'out'
    assert call('run', 'digits', *SHORT, '--out', out).returncode==0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    stopped = 0
    for wait in (.7, 1.2, 2, 3):
        p = subprocess.Popen([PROGRAM, 'run', 'digits', '--recipe', 'umap:5+gmm:10', '--out', out, '--no-cache'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ|{'CLUSTERING_NB_CACHE': str(tmp_path/'cache')}, preexec_fn=heeds_interrupts)
        time.sleep(wait)
        if p.poll() is not None: p.communicate(); break # A quick machine: it is done
        p.send_signal(signal.SIGINT)
        said = p.communicate(timeout=120)[1]
        assert p.returncode in (130, -2) or 'KeyboardInterrupt' in said and ', in main\n' not in said, said # Before `main` Python itself ends, in its own words
        stopped += p.returncode==130 and 'Interrupted' in said
        assert {q.name: q.read_bytes() for q in out.iterdir()}==before
    assert stopped

def test_full_disk_leaves_earlier_results(call, tmp_path):
    "Files may not grow beyond some bytes, as on a full disk: a message, status 1, earlier results as they were."
    out = tmp_path/'out'
    assert call('run', 'digits', *SHORT, '--out', out).returncode==0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    r = call('run', 'digits', *SHORT, '--seed', 1, '--out', out, '--no-cache', preexec_fn=full)
    assert r.returncode==1 and 'could not be written: File too large' in r.stderr and 'Traceback' not in r.stderr
    assert {p.name: p.read_bytes() for p in out.iterdir()}==before

def test_reference_holds_no_objects(call, tmp_path):
    assert call('run', 'digits', *SHORT, '--out', tmp_path/'out').returncode==0
    with np.load(tmp_path/'out/reference.npz', allow_pickle=False) as z: found = {k: z[k] for k in z.files}
    n = len(load('digits'))
    assert found['labels'].shape==(n,) and found['vectors'].shape==(n, 10) and found['xy'].shape==(n, 2)

def test_piped_into_nothing(tmp_path):
    "`clustering-nb list | head -1` ends quietly."
    r = subprocess.run(f'"{PROGRAM}" list | head -1', shell=True, capture_output=True, text=True)
    assert r.stdout.startswith('data sets') and 'Traceback' not in r.stderr

def test_output_that_can_not_be_written(tmp_path):
    "A pipe that closes, a full disk, a terminal with few letters: no traceback, and what was done counts as done."
    env = {k: v for k,v in os.environ.items() if k!='PYTHONUNBUFFERED'}|{'CLUSTERING_NB_CACHE': str(tmp_path/'cache')}
    def shell(line, **more): return subprocess.run(line, shell=True, executable='/bin/bash', capture_output=True, encoding="utf-8", errors="replace", cwd=tmp_path, env=env|more)
    for words in ('list', '--version'):
        r = shell(f'"{PROGRAM}" {words} | true; echo ${{PIPESTATUS[0]}}')
        assert r.stderr=='' and r.stdout in ('0\n', '1\n'), r
    if Path('/dev/full').exists():
        r = shell(f'"{PROGRAM}" --version > /dev/full')
        assert r.returncode==1 and r.stderr=='clustering-nb: error: No space left on device\n', r
    flat(tmp_path/'\u5199\u771f', {'red': (200, 40, 40), 'blue': (40, 40, 200)})
    r = shell(f'"{PROGRAM}" run \u5199\u771f --recipe pixels:16+pca:5+kmeans:2 --picture pca --out \u5199', PYTHONIOENCODING='latin-1')
    assert r.returncode==0 and 'Report: \\u5199' in r.stdout, r.stderr

def flat(folder, shades, n=10, seed=0):
    "A folder of noisy photos, `n` of each shade, named after it."
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for name,shade in shades.items():
        for i in range(n): Image.fromarray(np.clip(rng.normal(shade, 15, (24, 30, 3)), 0, 255).astype(np.uint8)).save(folder/f'{name}{i}.png')
    return folder

RGB = {'red': (200, 40, 40), 'green': (40, 180, 40), 'blue': (40, 40, 200)}

def clusters(out):
    "Name or '' → shades in the cluster that bears it, and all lines of clusters.csv."
    table = pd.read_csv(out/'clusters.csv', encoding='utf-8-sig', keep_default_na=False)
    where = pd.read_csv(out/'assignments.csv').assign(shade=lambda t: t.image.str.replace(r'\d+\.png', '', regex=True))
    return {r.name_: sorted(where.shade[where.cluster==int(r.cluster)].unique()) for r in table.rename(columns={'name': 'name_'}).itertuples() if r.cluster!=''},table

def named(out, words):
    "Write a name beside the cluster of each shade."
    found,table = clusters(out)
    shade = table.typical.str.replace(r'\d+\.png', '', regex=True)
    table.assign(name=shade.map(words)).to_csv(out/'clusters.csv', index=False, encoding='utf-8-sig')

def test_names_stay_with_their_photos(here, tmp_path):
    "Through a run that cuts otherwise, photos that are replaced, and other photos of the same file names."
    def run(data, k=3): return here('run', data, '--recipe', f'pixels:16+pca:5+kmeans:{k}', '--picture', 'pca', '--out', 'out')[0]
    words = {'red': 'R', 'green': 'G', 'blue': 'B'}
    right = {w: [s] for s,w in words.items()}
    flat(tmp_path/'a', RGB)
    assert run('a')==0
    named(tmp_path/'out', words)
    assert run('a', 2)==0 and run('a')==0 and clusters(tmp_path/'out')[0]==right
    typical = clusters(tmp_path/'out')[1].set_index('name').typical
    for old,new in (('green', 'blue'), ('red', 'gone')): # Another photo under the name of a typical one, and a typical one that is gone
        if new=='gone': (tmp_path/'a'/typical[words[old]]).unlink()
        else: (tmp_path/'a'/typical[words[old]]).write_bytes((tmp_path/'a/blue3.png').read_bytes())
    (tmp_path/'a'/typical['B']).write_bytes(b'broken')
    assert run('a')==0
    found = clusters(tmp_path/'out')[0]
    assert (found['R'], found['G']==['green'], set(found['B'])) == (['red'], True, {'blue', 'green'}), found # One that is called green is blue
    flat(tmp_path/'b', {'red': RGB['blue'], 'green': RGB['red'], 'blue': RGB['green']}, seed=1) # Other photos, the same names
    (tmp_path/'a').rename(tmp_path/'kept')
    assert run('b')==1
    (tmp_path/'b').rename(tmp_path/'a')
    for _ in range(2): # The second time names must not find strangers either
        assert run('a')==0
        found,table = clusters(tmp_path/'out')
        assert set(found)=={''} and sorted(table.name[table.name!=''])==['B', 'G', 'R'], table
    from clustering_nb.sorting import read_run
    assert read_run(tmp_path/'out').names=={}
    (tmp_path/'a').rename(tmp_path/'b'); (tmp_path/'kept').rename(tmp_path/'a')
    assert run('a')==0
    found = clusters(tmp_path/'out')[0]
    assert found['R']==['red'] and found['G']==['green'] # They are there again

def test_assign_writes_over_nothing_else(here, tmp_path):
    flat(tmp_path/'a/x', RGB); flat(tmp_path/'b/x', {'red': RGB['green'], 'green': RGB['blue'], 'blue': RGB['red']}, seed=1)
    assert here('run', 'a/x', '--recipe', 'pixels:16+pca:5+kmeans:3', '--picture', 'pca', '--out', 'out')[0]==0
    names = (tmp_path/'out/clusters.csv').read_bytes()
    for place,words in (('out/clusters.csv', 'no table of `assign`'), ('a/x/red0.png/t.csv', 'is a file'), ('out', 'is a folder')):
        status,said = here('assign', 'out', 'a/x', '--out', place)
        assert status==1 and words in said, said
    assert (tmp_path/'out/clusters.csv').read_bytes()==names
    for folder in ('a/x', 'b/x', 'a/x'): assert here('assign', 'out', folder)[0]==0 # Other photos, the same names
    assert sorted(p.name for p in (tmp_path/'out').glob('assigned*'))==['assigned-x-2.csv', 'assigned-x.csv']
    for _ in range(2): assert here('assign', 'out', 'a/x', '--out', 'mine.csv')[0]==0 # A table of its own may go

def test_files_that_a_run_may_write_are_nobody_elses(here, tmp_path):
    flat(tmp_path/'photos', RGB, 4)
    for name in ('copies.csv', 'assignments.parquet', 'embedder.safetensors'):
        (tmp_path/'mine').mkdir(exist_ok=True); (tmp_path/'mine'/name).write_text('mine')
        status,said = here('run', 'photos', '--recipe', 'pixels:16+kmeans:3', '--picture', 'pca', '--out', 'mine')
        assert status==1 and f'holds {name}' in said and (tmp_path/'mine'/name).read_text()=='mine'
        (tmp_path/'mine'/name).unlink()
    (tmp_path/'nowhere').symlink_to(tmp_path/'gone')
    status,said = here('run', 'photos', '--recipe', 'pixels:16+kmeans:3', '--out', 'nowhere')
    assert status==1 and 'a link to what is not there' in said

def test_odd_words(here, tmp_path):
    "Names of 240 bytes, names like options, blanks in recipes, seeds that are none."
    short = ('--recipe', 'pixels:16+pca:5+kmeans:2', '--picture', 'pca')
    for name in ('\u65e5\u672c\u8a9e\u5199'*20, '-dash'):
        flat(tmp_path/name, {'a': (90, 0, 0), 'b': (0, 90, 0)}, 5)
        for words in (('run', *short), ('audit', '--quick')):
            status,said = here(*words, '--', name)
            assert status==0, said
    out = next(p for p in (tmp_path/'runs').iterdir() if p.name.startswith('-dash-pixels'))
    assert 'run ./-dash --recipe' in (out/'report.html').read_text(encoding='utf-8')
    status,said = here('run', '--recipe', 'pixels:16+pca:2 + levels', '--level', '2', '--picture', 'pca', '--out', 'levels', '--', '-dash')
    assert status==0, said
    for seed in ('-1', str(2**32), 'x'): assert 'a whole number from 0 to' in here('run', 'digits', f'--seed={seed}')[1]
    assert 'a data set without files' in here('audit', 'digits')[1]

def test_once_leaves_other_colours_in(here, tmp_path):
    base = np.asarray(Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 8), np.uint8)).resize((80, 60)))
    (tmp_path/'p').mkdir()
    for name,tint in (('rose', (1, .5, .5)), ('leaf', (.5, 1, .5)), ('sky', (.5, .5, 1))): Image.fromarray((base[..., None]*np.array(tint)).astype(np.uint8)).save(tmp_path/f'p/{name}.png')
    Image.open(tmp_path/'p/rose.png').save(tmp_path/'p/rose again.jpg')
    status,said = here('run', 'p', '--once', '--recipe', 'pixels:8+kmeans:2', '--picture', 'pca', '--out', 'out')
    assert status==0 and '1 photo shows what another one does' in said, said
    assert len(pd.read_csv(tmp_path/'out/copies.csv'))==1

def test_folder_whose_name_is_no_utf8(call, tmp_path, photos):
    odd = tmp_path/os.fsdecode(b'caf\xe9 photos')
    try: photos.rename(odd)
    except OSError as e: pytest.skip(f"this file system takes only names that are UTF-8: {e}")
    done = call('run', odd, *SHORT, '--out', 'out')
    assert done.returncode==0, done.stderr
    n = len(pd.read_csv(tmp_path/'out/assignments.csv'))
    assert json.loads((tmp_path/'out/run.json').read_text(encoding='utf-8'))['source'].endswith(r'caf\xe9 photos')
    sorted_ = call('export', 'out', 'sorted')
    assert sorted_.returncode==0 and f'{n} photos copied' in sorted_.stdout+sorted_.stderr, sorted_.stderr

def test_files_of_somebody_else_stay(call, photos, tmp_path):
    "Names such as files.csv are common; what we did not write is not written over, nor is the audit of other photos unasked."
    mine = tmp_path/'project'
    mine.mkdir()
    for name in ('files.csv', 'run.json'): (mine/name).write_text('{"mine": 1}')
    for command in (('audit', photos, '--quick'), ('run', photos, *SHORT)):
        done = call(*command, '--out', mine)
        assert done.returncode==1 and 'did not write' in done.stderr and 'Traceback' not in done.stderr, done.stderr
    assert sorted(p.name for p in mine.iterdir())==['files.csv', 'run.json'] and all(p.read_text()=='{"mine": 1}' for p in mine.iterdir())
    other = tmp_path/'other/photos'
    other.mkdir(parents=True)
    for p in photos.rglob('1*.jpg'): (other/p.name).write_bytes(p.read_bytes())
    for _ in range(2): assert call('audit', photos, '--quick').returncode==0 # Again: its own place
    done = call('audit', other, '--quick')
    assert done.returncode==1 and 'holds the audit of' in done.stderr
    assert call('audit', other, '--quick', '--out', 'runs/photos-audit').returncode==0 # Asked for

def test_files_go_to_their_places_together(call, photos, tmp_path, monkeypatch):
    "One that can't be replaced: all are as they were. A link stays one."
    import clustering_nb.study as study
    out,elsewhere = tmp_path/'out',tmp_path/'elsewhere'
    with study.staged(out) as aside:
        for name in ('a.txt', 'run.json', 'z.txt'): (aside/name).write_text('old')
    elsewhere.mkdir(); (out/'a.txt').rename(elsewhere/'a.txt'); (out/'a.txt').symlink_to(elsewhere/'a.txt')
    replace = study._replace
    def refuse(new, old):
        if old.name=='z.txt' and new.parent.name!='before': raise PermissionError(1, 'Operation not permitted', str(old))
        return replace(new, old)
    with monkeypatch.context() as m, pytest.raises(PermissionError):
        m.setattr(study, '_replace', refuse)
        with study.staged(out) as aside:
            for name in ('a.txt', 'run.json', 'z.txt', 'new.txt'): (aside/name).write_text('new')
    assert {p.name: p.read_text() for p in out.iterdir()}=={'a.txt': 'old', 'run.json': 'old', 'z.txt': 'old'}
    with study.staged(out) as aside:
        for name in ('a.txt', 'z.txt'): (aside/name).write_text('new')
    assert (out/'a.txt').is_symlink() and (elsewhere/'a.txt').read_text()=='new' and sorted(p.name for p in out.iterdir())==['a.txt', 'run.json', 'z.txt']

def test_an_empty_reference(call, photos, tmp_path):
    assert call('run', photos, *SHORT, '--out', 'out').returncode==0
    (tmp_path/'out/reference.npz').write_bytes(b'')
    done = call('assign', 'out', photos)
    assert done.returncode==1 and 'cut off' in done.stderr and 'Traceback' not in done.stderr, done.stderr
    assert call('export', 'out', 'sorted').returncode==0

def test_nothing_to_find_is_said(here, tmp_path):
    (tmp_path/'noise').mkdir()
    for i,x in enumerate(np.random.default_rng(0).integers(0, 255, (120, 16, 16, 3), np.uint8)): Image.fromarray(x).save(tmp_path/f'noise/{i}.png')
    status,said = here('run', 'noise', '--embedder', 'descriptors', '--out', 'out')
    assert status==0 and 'coarse 1, medium 1, fine 1; no division comes again' in said and 'they are one group' in said, said
    assert set(pd.read_csv(tmp_path/'out/assignments.csv').cluster)<={0, -1}
    status,said = here('run', 'noise', '--embedder', 'descriptors', '--out', 'out', '--level', 4)
    assert status==0 and set(pd.read_csv(tmp_path/'out/assignments.csv').cluster)==set(range(4)), said

@pytest.mark.skipif(not installed('pyarrow'), reason="pyarrow is not installed")
def test_parquet(here, tmp_path):
    flat(tmp_path/'p', RGB, 4)
    words = 'run','p','--recipe','pixels:16+kmeans:3','--picture','pca','--out','out'
    assert here(*words, '--parquet')[0]==0
    csv,parquet = pd.read_csv(tmp_path/'out/assignments.csv'),pd.read_parquet(tmp_path/'out/assignments.parquet')
    assert list(csv)==list(parquet) and csv.image.tolist()==parquet.image.tolist() and csv.cluster.tolist()==parquet.cluster.tolist()
    assert here(*words)[0]==0 and not (tmp_path/'out/assignments.parquet').exists() # It would be of another run

@pytest.mark.parametrize('words,said', [(('--recipe', 'kmeans:3', '--embedder', 'pixels'), 'leave out --embedder'), (('--recipe', 'kmeans:3', '--level', '2'), 'goes with the clusterer'), (('--recipe', 'kmeans:3', '--once'), 'goes with a folder')])
def test_options_that_exclude_each_other(here, words, said):
    status,told = here('run', 'digits', *words)
    assert status==1 and said in told

def test_names_of_folders_and_commands():
    from clustering_nb.cli import _command, _out_folder, parser
    a = parser().parse_args('run digits --n 500 --split test --size 32 --once'.split())
    assert str(_out_folder(a, 'pca:20+gmm:10'))=='runs/digits-pca_20-gmm_10-n500-splittest-size32-once-seed0'
    again = parser().parse_args(_command(a, 'levels:3')[1:] if _command(a, 'levels:3')[0]=='clustering-nb' else _command(a, 'levels:3'))
    assert again.once and (again.n, again.split, again.size)==(500, 'test', 32)

def test_export_tells_what_is_left(here, tmp_path):
    flat(tmp_path/'p', RGB, 4)
    assert here('run', 'p', '--recipe', 'pixels:16+kmeans:3', '--picture', 'pca', '--out', 'out')[0]==0
    (tmp_path/'p').rename(tmp_path/'q'); (tmp_path/'q/red0.png').unlink()
    status,said = here('export', 'out', 's', '--source', 'q', '--how', 'hardlink')
    assert status==1 and 'red0.png' in said and 'not there any more' in said
    assert len([p for p in (tmp_path/'s').rglob('*.png') if p.stat().st_nlink==2])==11

def test_where_an_error_comes_from(call):
    assert 'Traceback' in call('run', 'nosuch', debug=True).stderr and 'Traceback' not in call('run', 'nosuch').stderr
