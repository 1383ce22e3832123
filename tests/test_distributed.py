"Schedulers and workers that are real processes on the loopback interface, and what happens when one of them ends."
import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

distributed = pytest.importorskip('distributed', reason="Dask is not installed: pip install 'clustering_nb[scale]'")

import clustering_nb.distributed
from clustering_nb.cli import main
from clustering_nb.data import load
from clustering_nb.distributed import Workers, connect, distribute
from clustering_nb.harness import measured

PROGRAM,DASK = (Path(sys.executable).with_name(name) for name in ('clustering-nb', 'dask'))
STUDY = 'data = "digits"\nn = 400\nseeds = 4\nrecipes = ["pixels+kmeans:10", "pixels+pca:{5,10}+{kmeans:10,ward:10}"]\n'
ONE = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS'), '1')

class Machines:
    "A scheduler, and workers that can be started and killed one by one."
    def __init__(self, folder):
        self.env,self.workers,self.folder = os.environ|ONE|{'PYTHONPATH': str(Path(__file__).parent), 'CLUSTERING_NB_CACHE': str(folder/'cache'), 'DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT': '5s', 'DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES': '1'},[],folder
        self.start()

    def start(self, port=0):
        log = (self.folder/'scheduler.log').open('w')
        self.scheduler = subprocess.Popen([DASK, 'scheduler', '--host', '127.0.0.1', '--port', str(port), '--no-dashboard'], env=self.env, stdout=log, stderr=log, start_new_session=True)
        for _ in range(300):
            found = re.search(r'Scheduler at: +(tcp://[\d.]+:\d+)', (self.folder/'scheduler.log').read_text())
            if found: self.address = found[1]; return
            assert self.scheduler.poll() is None, (self.folder/'scheduler.log').read_text()
            time.sleep(.1)
        raise AssertionError("The scheduler did not start.")

    def add(self, *more):
        log = (self.folder/f'worker-{len(self.workers)}.log').open('w')
        self.workers.append(subprocess.Popen([DASK, 'worker', self.address, '--nthreads', '1', '--host', '127.0.0.1', '--no-dashboard', '--death-timeout', '20', *more], env=self.env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True))
        return self.workers[-1]

    def kill(self, process):
        "With all that it started."
        try: os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        process.wait()

    def study(self, *more): return [PROGRAM, 'study', self.folder/'study.toml', '--out', self.folder/'rows.csv', '--resume', '--no-cache', '--scheduler', self.address, *more]

@pytest.fixture
def machines(tmp_path):
    found = Machines(tmp_path)
    (tmp_path/'study.toml').write_text(STUDY)
    yield found
    for p in [*found.workers, found.scheduler]: found.kill(p)

def comparable(path): return pd.read_csv(path).drop(columns=[*measured], errors='ignore')

@pytest.fixture(scope='module')
def expected(tmp_path_factory):
    "The rows of the study, made by the processes of this machine without Dask."
    folder = tmp_path_factory.mktemp('alone')
    (folder/'study.toml').write_text(STUDY)
    subprocess.run([PROGRAM, 'study', folder/'study.toml', '--out', folder/'rows.csv', '--jobs', '1', '--no-cache'], check=True, capture_output=True, env=os.environ|{'CLUSTERING_NB_CACHE': str(folder/'cache')}, timeout=300)
    return comparable(folder/'rows.csv')

@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    "No two alike."
    root,rng = tmp_path_factory.mktemp('photos')/'in',np.random.default_rng(0)
    root.mkdir()
    for i in range(140): Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((64, 48)).save(root/f'{i:03}.jpg')
    return root

def test_nothing_of_dask_without_the_option(tmp_path):
    code = "import sys; from clustering_nb.cli import main; status = main(['run', 'digits', '--n', '100', '--recipe', 'pixels+kmeans:3', '--picture', 'pca', '--out', 'out']); sys.exit(status or bool({'dask', 'distributed'}&set(sys.modules)))"
    r = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert r.returncode==0, r.stderr

def test_a_study_has_the_same_rows(expected, tmp_path):
    (tmp_path/'study.toml').write_text(STUDY)
    r = subprocess.run([PROGRAM, 'study', 'study.toml', '--out', 'rows.csv', '--scheduler', 'local:2', '--no-cache'], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert r.returncode==0, r.stderr
    pd.testing.assert_frame_equal(comparable(tmp_path/'rows.csv'), expected)

def test_a_worker_dies_and_another_joins_late(machines, expected):
    first = machines.add()
    client = subprocess.Popen(machines.study(), env=machines.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rows = machines.folder/'rows.csv'
    for _ in range(1800):
        if rows.exists(): break
        assert client.poll() is None, client.stdout.read()
        time.sleep(.1)
    machines.kill(first) # At the second row or so; now there is nobody
    time.sleep(2)
    assert client.poll() is None and len(comparable(rows))<len(expected)
    machines.add()
    said,_ = client.communicate(timeout=240)
    assert client.returncode==0, said
    pd.testing.assert_frame_equal(comparable(rows), expected)

def test_the_scheduler_goes_and_the_client_is_killed(machines, expected):
    machines.add()
    rows = machines.folder/'rows.csv'
    def begin(at_least):
        client = subprocess.Popen(machines.study(), env=machines.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(1800):
            if rows.exists() and len(comparable(rows))>=at_least: return client
            assert client.poll() is None, client.stdout.read()
            time.sleep(.1)
        raise AssertionError("No row came.")
    client = begin(1)
    client.kill(); client.wait() # The worker lets go of its piece, the rows stay
    done = len(comparable(rows))
    assert 1<=done<len(expected)
    client = begin(done+1)
    machines.kill(machines.scheduler)
    said,_ = client.communicate(timeout=120)
    assert client.returncode==1 and 'does not answer any more' in said and 'Traceback' not in said, said
    kept = len(comparable(rows))
    assert done<kept<len(expected)
    machines.start(); machines.add()
    r = subprocess.run(machines.study(), env=machines.env, capture_output=True, text=True, timeout=240)
    assert r.returncode==0, r.stderr
    pd.testing.assert_frame_equal(comparable(rows), expected)

def fill_memory(item):
    "A piece that one worker can't hold, and others that it can."
    if item=='much': kept = [np.ones(1<<26) for _ in range(8)]; time.sleep(30); return len(kept)
    return item

def impatient(monkeypatch, seconds):
    "Clients wait no longer."
    client = distributed.Client
    def made(*args, **kwargs):
        found = client(*args, **kwargs)
        found._timeout = seconds
        return found
    monkeypatch.setattr(distributed, 'Client', made)

@pytest.mark.parametrize('moment', ['asking for workers', 'submitting', 'waiting', 'fetching'])
def test_the_scheduler_goes_at_a_bad_moment(machines, moment, monkeypatch):
    machines.add()
    owner,name = {'asking for workers': (Workers, 'addresses'), 'submitting': (Workers, '_submit'), 'waiting': (distributed, 'wait'), 'fetching': (clustering_nb.distributed, '_outcome')}[moment]
    first,called = getattr(owner, name),[]
    def kill_and_go_on(*args, **kwargs):
        called.append(name)
        if len(called)==2:
            machines.scheduler.send_signal(signal.SIGSTOP) # It does not answer, and then its connections break
            threading.Timer(.5, os.killpg, [machines.scheduler.pid, signal.SIGKILL]).start()
        return first(*args, **kwargs)
    monkeypatch.setattr(owner, name, kill_and_go_on)
    impatient(monkeypatch, 3) # So long does it try to come back
    with pytest.raises(ConnectionError, match='does not answer any more'), connect(machines.address) as workers:
        for _ in distribute(workers, fill_memory, [*range(1000)]): pass
    assert len(called)>1

def test_nobody_comes(machines, monkeypatch):
    "Without any worker it does not wait for ever."
    monkeypatch.setattr(clustering_nb.distributed, 'PATIENCE', 1)
    with connect(machines.address) as workers, pytest.raises(ConnectionError, match='has had no worker for 1 s.*Start some'): list(distribute(workers, fill_memory, [1]))

def test_out_of_memory(machines):
    machines.add('--memory-limit', '1000MB')
    with connect(machines.address) as workers: found = dict(distribute(workers, fill_memory, ['a little', 'much', 'a little more']))
    assert found[0]=='a little' and found[2]=='a little more'
    assert isinstance(found[1], RuntimeError) and 'run out of memory' in str(found[1])

def with_large(item, large, folder=None):
    "Needs what was sent beforehand; may kill its worker, once or always."
    if item=='kill always' or item=='kill once' and not (folder/'killed').exists():
        if item=='kill once': (folder/'killed').touch()
        os._exit(1)
    return item,int(large.sum())

def test_what_was_sent_is_lost_with_the_last_worker(machines):
    machines.add() # Its nanny starts it again
    large = np.ones(1<<18)
    with connect(machines.address) as workers: found = dict(distribute(workers, with_large, ['a', 'kill once', 'b', 'kill always', 'c'], (large, machines.folder)))
    assert [found[i] for i in (0, 1, 2, 4)]==[(item, 1<<18) for item in ('a', 'kill once', 'b', 'c')]
    assert isinstance(found[3], RuntimeError) and 'died' in str(found[3])

def test_workers_come_after_something_large_was_asked_for(machines, monkeypatch):
    impatient(monkeypatch, 1) # So long does Dask itself wait for workers that things can be sent to
    later = threading.Timer(3, machines.add)
    later.start()
    with connect(machines.address) as workers: assert dict(distribute(workers, with_large, ['a'], (np.ones(1<<18),)))=={0: ('a', 1<<18)}
    later.join()

def test_a_result_that_takes_long_to_arrive(monkeypatch):
    first,asked = distributed.Client._gather,[]
    async def slow(*args, **kwargs):
        asked.append(1)
        await asyncio.sleep(.5)
        return await first(*args, **kwargs)
    monkeypatch.setattr(distributed.Client, '_gather', slow)
    monkeypatch.setattr(clustering_nb.distributed, 'FETCH', .1)
    with connect('local:1') as workers: assert dict(distribute(workers, with_large, ['a'], (np.ones(3),)))=={0: ('a', 3)}
    assert len(asked)>1

def test_images_of_a_study_are_sent_once(monkeypatch):
    images,sent = load('digits'),[]
    with connect('local:1') as workers:
        first = workers.client.scatter
        monkeypatch.setattr(workers.client, 'scatter', lambda x, **kwargs: (sent.append(x), first(x, **kwargs))[1])
        monkeypatch.setattr(clustering_nb.distributed, 'LARGE', 1<<16)
        assert dict(distribute(workers, count, [0, 1, 2], (images, 'a word')))=={0: 1797, 1: 1798, 2: 1799}
    assert len(sent)==1 and sent[0] is images

def count(item, images, word): return item+len(images)

def test_embedding_is_the_same(photos, machines, monkeypatch):
    pretrained = pytest.importorskip('clustering_nb.pretrained', reason="torch is not installed: pip install 'clustering_nb[torch]'")
    monkeypatch.setenv('CLUSTERING_NB_CACHE', str(machines.folder/'mine'))
    monkeypatch.setattr(pretrained, 'BLOCK', 128) # Five pieces
    images = load(str(photos))
    alone = pretrained.PretrainedFeatures(cache=False).fit_transform(images)
    one,_ = machines.add(),machines.add()
    embedder = pretrained.PretrainedFeatures().fit(images)
    with connect(machines.address), monkeypatch.context() as m:
        write = pretrained.FeatureStore.write
        def write_and_kill(*args):
            if one.poll() is None: machines.kill(one)
            return write(*args)
        m.setattr(pretrained.FeatureStore, 'write', write_and_kill)
        m.setattr(pretrained.PretrainedFeatures, '_compute', lambda *_: pytest.fail("computed here"))
        assert np.array_equal(embedder.transform(images), alone)
    monkeypatch.setattr(embedder, '_compute', lambda images, wanted, store: {} if not wanted else pytest.fail("computed again"))
    assert np.array_equal(embedder.transform(images), alone) # All blocks are in the store

@pytest.fixture
def submitted(monkeypatch):
    "Names of the functions whose pieces went to workers."
    first,found = Workers._submit,[]
    def submit(self, f, *args):
        found.append(f.__name__)
        return first(self, f, *args)
    monkeypatch.setattr(Workers, '_submit', submit)
    return found

def test_a_run_finds_the_same_groups(photos, tmp_path, monkeypatch, submitted):
    pytest.importorskip('clustering_nb.pretrained', reason="torch is not installed: pip install 'clustering_nb[torch]'")
    def groups(name, *more):
        monkeypatch.setenv('CLUSTERING_NB_CACHE', str(tmp_path/f'cache-{name}'))
        main(['run', str(photos), '--recipe', 'efficientnet_lite0+umap:3+kmeans:4', '--picture', 'pca', '--out', str(tmp_path/name), *more])
        return (tmp_path/name/'assignments.csv').read_bytes()
    alone = groups('alone')
    assert not submitted
    assert groups('divided', '--scheduler', 'local:2')==alone and submitted

def test_an_audit_is_the_same(photos, tmp_path, submitted):
    def files(name, *more):
        main(['audit', str(photos), '--quick', '--out', str(tmp_path/name), *more])
        return pd.read_csv(tmp_path/name/'files.csv')
    alone = files('alone')
    assert not submitted
    pd.testing.assert_frame_equal(files('divided', '--scheduler', 'local:2'), alone)
    assert submitted

def test_a_scheduler_that_is_none():
    r = subprocess.run([PROGRAM, 'run', 'digits', '--scheduler', 'two'], capture_output=True, text=True, timeout=60)
    assert r.returncode==1 and 'local:N' in r.stderr and 'Traceback' not in r.stderr, r.stderr

def test_placing_on_workers(tmp_path, monkeypatch, submitted):
    "Vectors on disk are placed among a sample by workers, who read them themselves, as they would be here."
    from clustering_nb.large import SampledReducer, _near_memo
    from clustering_nb.reduction import UMAP
    from clustering_nb.vectors import read_vectors, write_vectors
    monkeypatch.setattr('clustering_nb.vectors.ROWS', 500)
    monkeypatch.setattr('clustering_nb.vectors.BLOCK_BYTES', 1)
    x = load('digits').data.reshape(1797, -1).astype(np.float32)
    monkeypatch.chdir(tmp_path)
    disk = read_vectors(write_vectors('x.zarr', x))[0]
    assert len(list(disk.blocks()))==4
    alone = SampledReducer(UMAP(3), 300).fit_transform(disk)
    _near_memo.clear()
    assert not submitted
    with connect('local:2'): divided = SampledReducer(UMAP(3), 300).fit_transform(disk)
    np.testing.assert_allclose(divided, alone, atol=1e-4)
    assert len(submitted)==4 # A piece of work for each block
