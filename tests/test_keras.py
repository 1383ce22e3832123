"The Keras network: its notebook on the other backend, in a process of its own, and a run from the command line."
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clustering_nb.core import installed

ROOT = Path(__file__).resolve().parents[1]

@pytest.mark.skipif(not (installed('keras') and installed('torch')), reason="Keras or PyTorch is not installed")
def test_cnn_computes_with_torch(tmp_path):
    env = os.environ|{'KERAS_BACKEND': 'torch', 'CLUSTERING_NB_CACHE': str(tmp_path)}
    r = subprocess.run([sys.executable, '-c', 'from clustering_nb.cnn import BACKEND, keras; print(BACKEND, keras.backend.backend())'], cwd=ROOT, env=env, capture_output=True, text=True)
    assert r.stdout.split()[-2:]==['torch', 'torch'], r.stdout+r.stderr
    r = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', 'nbs/31_cnn.ipynb', '--n_workers', '0'], cwd=ROOT, env=env, capture_output=True, text=True)
    assert r.returncode==0 and 'Success' in r.stdout+r.stderr, (r.stdout+r.stderr)[-2000:]

def test_unknown_backend_is_told():
    r = subprocess.run([sys.executable, '-c', 'import clustering_nb.cnn'], cwd=ROOT, env=os.environ|{'KERAS_BACKEND': 'jax'}, capture_output=True, text=True)
    assert r.returncode==1 and "KERAS_BACKEND is 'jax'" in r.stderr

@pytest.mark.skipif(not installed('keras'), reason="Keras is not installed")
def test_a_run_with_classes_and_new_photos(tmp_path):
    "From the command line: trained, kept in Keras' format, and loaded for photos that come later."
    rng,program = np.random.default_rng(0),Path(sys.executable).with_name('clustering-nb')
    for c,level in (('dark', 60), ('light', 190)):
        (tmp_path/'photos'/c).mkdir(parents=True)
        for i in range(20): Image.fromarray(rng.integers(level-40, level+40, (16, 16, 3), dtype=np.uint8)).save(tmp_path/'photos'/c/f'{i}.png')
    def call(*words): return subprocess.run([program, *map(str, words)], cwd=tmp_path, capture_output=True, text=True, timeout=300, env=os.environ|{'CLUSTERING_NB_CACHE': str(tmp_path/'cache')})
    for _ in range(2): # The second time from the cache
        r = call('run', 'photos', '--recipe', 'cnn:4,filters=4,depth=1,epochs=3+kmeans:2', '--size', 16, '--picture', 'pca', '--out', 'out')
        assert r.returncode==0 and (tmp_path/'out/embedder.keras').is_file(), r.stderr
    r = call('assign', 'out', 'photos', '--json')
    assert r.returncode==0, r.stderr
    rows = json.loads(r.stdout)
    assert len(rows)==40 and sum(row['nearest']==row['image'] for row in rows)>30
