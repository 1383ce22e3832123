"Studies that are killed, interrupted and run twice at once end at the same table."
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from clustering_nb.harness import measured, read_rows

PROGRAM = Path(sys.executable).with_name('clustering-nb')
STUDY = '''
data = "digits"
n = 600
seeds = 2
recipes = ["pixels+{pca,nmf}:{10,20}+{kmeans:10,gmm:10,ward:10}", "pixels+kmeans:601"]
'''
ROWS = 2*(2*2*3+1)

@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    "The table as it comes out when nothing happens."
    folder = tmp_path_factory.mktemp('undisturbed')
    (folder/'study.toml').write_text(STUDY)
    done = subprocess.run(words(folder), **where(folder), capture_output=True, text=True, timeout=300)
    assert done.returncode==1 and '2 of 26 experiments failed' in done.stderr, done.stderr
    return table(folder)

def words(folder, *more): return [PROGRAM, 'study', str(folder/'study.toml'), '--out', str(folder/'rows.csv'), '--jobs', '2', *more]
def where(folder): return dict(cwd=folder, env=os.environ|{'CLUSTERING_NB_CACHE': str(folder/'cache')})

def alive(processes):
    "Those that still run; a killed one may wait as a zombie for somebody to ask."
    found = []
    for p in processes:
        try: found += [p]*(p.is_running() and p.status()!=psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess: continue
    return found

def table(folder): return read_rows(folder/'rows.csv').drop(columns=list(measured))

def test_killed_at_random_moments(undisturbed, tmp_path):
    (tmp_path/'study.toml').write_text(STUDY)
    rng,counts,killed = random.Random(0),[0],0
    for more in (0, *(rng.randint(1, 8) for _ in range(3))): # Rows to wait for; none: while it starts
        p = subprocess.Popen(words(tmp_path, '--resume'), **where(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while more and p.poll() is None and len(read_rows(tmp_path/'rows.csv'))<counts[-1]+more: time.sleep(.05)
        time.sleep(rng.uniform(0, 1 if more else 4))
        children = psutil.Process(p.pid).children(recursive=True) if p.poll() is None else []
        killed += p.poll() is None
        p.kill(); p.wait()
        for _ in range(60): # One that is just starting takes a while to notice
            left = alive(children)
            if not left: break
            time.sleep(.5)
        assert not left, "A worker outlives the study that started it."
        counts.append(len(read_rows(tmp_path/'rows.csv')))
    assert counts==sorted(counts) and counts[-1]>2 and killed>=2 # Nothing is lost
    last = subprocess.run(words(tmp_path, '--resume'), **where(tmp_path), capture_output=True, text=True, timeout=300)
    assert last.returncode==1, last.stderr
    pd.testing.assert_frame_equal(table(tmp_path), undisturbed)
    assert {p.name for p in tmp_path.iterdir()}=={'study.toml', 'rows.csv', 'cache'}

def test_two_at_once(undisturbed, tmp_path):
    (tmp_path/'study.toml').write_text(STUDY)
    both = [subprocess.Popen(words(tmp_path, '--resume'), **where(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for p in both:
        said = p.communicate(timeout=300)[1]
        assert p.returncode==1 and '2 of 26 experiments failed' in said, said
    pd.testing.assert_frame_equal(table(tmp_path), undisturbed)

@pytest.mark.skipif(os.name!='posix', reason="sends SIGINT")
def test_interrupted(undisturbed, tmp_path):
    (tmp_path/'study.toml').write_text(STUDY)
    p = subprocess.Popen(words(tmp_path), **where(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) # It may have been told to ignore it, in the background
    while p.poll() is None and not len(read_rows(tmp_path/'rows.csv')): time.sleep(.05)
    os.killpg(p.pid, signal.SIGINT) # As a terminal does: to all of them
    said = p.communicate(timeout=60)[1]
    assert p.returncode==130 and 'Interrupted' in said and 'Traceback' not in said, said
    found = table(tmp_path)
    assert 0<len(found)<ROWS
    pd.testing.assert_frame_equal(undisturbed.merge(found[['recipe', 'seed']])[list(found)].astype(found.dtypes), found)
