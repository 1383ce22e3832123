"Runs and exports that are killed at any moment, and disks that are full."
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from clustering_nb.cli import main
from clustering_nb.sorting import export_run

PROGRAM = Path(sys.executable).with_name('clustering-nb')
KILLS = int(os.environ.get('CLUSTERING_NB_KILLS', 5)) # Random moments

@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    "Sixty small photos of three kinds."
    root,rng = tmp_path_factory.mktemp('photos')/'in',np.random.default_rng(0)
    root.mkdir()
    for i in range(60): Image.fromarray(np.clip(rng.normal(40+80*(i%3), 25, (30, 40, 3)), 0, 255).astype(np.uint8)).save(root/f'{i:02}.jpg')
    return root

def words(photos, out): return [PROGRAM, 'run', photos, '--recipe', 'descriptors+pca:5+kmeans:3', '--picture', 'pca', '--once', '--out', out]
def where(folder): return dict(cwd=folder, env=os.environ|{'CLUSTERING_NB_CACHE': str(folder/'cache')})

def outcome(out):
    "What must not depend on what happened on the way; times do."
    with np.load(out/'reference.npz', allow_pickle=False) as z: arrays = {k: z[k].tolist() for k in z.files}
    return (out/'assignments.csv').read_text(),(out/'clusters.csv').read_text(),arrays,sorted(p.name for p in out.iterdir())

@pytest.fixture(scope='module')
def undisturbed(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp('undisturbed')
    for _ in range(2): # The second time nothing has to be read from disk first
        t = time.monotonic()
        subprocess.run(words(photos, folder/'out')+['--no-cache'], **where(folder), check=True, capture_output=True, timeout=300)
    return outcome(folder/'out'),time.monotonic()-t,folder/'out'

def test_killed_at_random_moments(photos, undisturbed, tmp_path):
    expected,seconds,_ = undisturbed
    rng,killed = random.Random(os.environ.get('CLUSTERING_NB_KILLS', '')),0
    for i in range(KILLS):
        p = subprocess.Popen(words(photos, tmp_path/'out'), **where(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds*(.35+.65*rng.random())) # Before, it only imports
        if p.poll() is None: p.kill(); killed += 1
        p.wait()
        if (tmp_path/'out/assignments.csv').exists(): assert outcome(tmp_path/'out')[0]==expected[0] # Whole, if it is there
    assert killed
    r = subprocess.run(words(photos, tmp_path/'out'), **where(tmp_path), capture_output=True, text=True, timeout=300)
    assert r.returncode==0, r.stderr
    assert outcome(tmp_path/'out')==expected # No broken file is left beside them either

def test_export_to_a_full_disk(undisturbed, tmp_path):
    "What is sorted stays; started again, it goes on."
    copy,done = shutil.copyfile,[]
    def full(a, b):
        if len(done)==10: raise OSError(errno.ENOSPC, 'No space left on device')
        done.append(b)
        return copy(a, b)
    with patch('shutil.copyfile', full), pytest.raises(OSError, match='10 photos are sorted'): export_run(undisturbed[2], tmp_path/'sorted')
    assert len([p for p in (tmp_path/'sorted').rglob('*') if p.is_file()])==10
    found = export_run(undisturbed[2], tmp_path/'sorted')
    assert (found['done'], found['there already'], found['left'])==(50, 10, [])

def test_export_killed(photos, undisturbed, tmp_path):
    "kill -9 while photos are copied: no half photo, and the next one goes on."
    slow = "import sys, time, shutil; copy = shutil.copyfile; shutil.copyfile = lambda a, b: (copy(a, b), time.sleep(.1))[0]; from clustering_nb.sorting import export_run; export_run(*sys.argv[1:])"
    p = subprocess.Popen([sys.executable, '-c', slow, undisturbed[2], tmp_path/'sorted'], **where(tmp_path), stderr=subprocess.DEVNULL)
    while p.poll() is None and len([f for f in (tmp_path/'sorted').rglob('*.jpg')])<5: time.sleep(.02)
    p.send_signal(signal.SIGKILL); p.wait()
    found = export_run(undisturbed[2], tmp_path/'sorted')
    assert found['done']+found['there already']==60 and 4<=found['there already']<60 and not list((tmp_path/'sorted').glob('.writing-*'))
    assert all(f.read_bytes()==(photos/f.name).read_bytes() for f in (tmp_path/'sorted').rglob('*.jpg'))

LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),)*2); from clustering_nb.cli import main; sys.exit(main(sys.argv[2:]))"

@pytest.mark.skipif(sys.platform=='win32', reason="files can't be kept small there")
@pytest.mark.parametrize('what', ['run', 'audit'])
def test_no_room_for_results(photos, tmp_path, what):
    "Files may not grow beyond some kB, as on a full disk: a sentence, and what was there is as it was."
    how = {'run': ['run', photos, '--recipe', 'descriptors+pca:5+kmeans:3', '--picture', 'pca'], 'audit': ['audit', photos, '--quick']}[what]
    def go(limit, *more): return subprocess.run([sys.executable, '-c', LIMITED, str(limit), *map(str, how), '--out', tmp_path/'out', *more], **where(tmp_path), capture_output=True, text=True, timeout=300)
    assert go(1<<30).returncode==0
    before = {f.name: f.read_bytes() for f in (tmp_path/'out').iterdir()}
    r = go(4000)
    assert r.returncode==1 and 'could not be written: File too large. What was there before is as it was' in r.stderr and 'Traceback' not in r.stderr
    assert {f.name: f.read_bytes() for f in (tmp_path/'out').iterdir()}==before

@pytest.mark.parametrize('there', [False, True])
@pytest.mark.parametrize('what', ['run', 'audit'])
def test_results_in_a_place_that_is_read_only(photos, tmp_path, what, there, capsys):
    if there: (tmp_path/'out').mkdir()
    mkdir = Path.mkdir
    def refuse(self, *args, **kw):
        if there and self==tmp_path/'out': return mkdir(self, *args, **kw)
        raise OSError(errno.EROFS, 'Read-only file system', str(self))
    with patch.object(Path, 'mkdir', refuse): status = main([what, str(photos), '--out', str(tmp_path/'out'), *(['--quick'] if what=='audit' else ['--recipe', 'descriptors+kmeans:3', '--picture', 'pca', '--no-cache'])])
    assert status==1 and f"{tmp_path/'out'} could not be {'written' if there else 'made'}: Read-only file system." in capsys.readouterr().err

def test_export_where_there_are_no_hard_links(undisturbed, tmp_path):
    "As on a memory stick: photos are copied all the same, none over another; and links to another disk are refused in words."
    with patch('os.link', side_effect=OSError(errno.EPERM, 'Operation not permitted')):
        assert export_run(undisturbed[2], tmp_path/'s')['done']==60 and export_run(undisturbed[2], tmp_path/'s')['there already']==60
    with patch('os.link', side_effect=OSError(errno.EXDEV, 'Invalid cross-device link')):
        found = export_run(undisturbed[2], tmp_path/'h', 'hardlink')
    assert found['done']==0 and len(found['left'])==60 and all('use copy' in why for _,why in found['left'])
