"The notebook of the Keras network passes on its other backend, in a process of its own."
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clustering_nb.core import installed

ROOT = Path(__file__).resolve().parents[1]

@pytest.mark.skipif(not (installed('keras') and installed('torch')), reason="Keras or PyTorch is not installed")
def test_cnn_computes_with_torch(tmp_path):
    env = os.environ|{'KERAS_BACKEND': 'torch', 'CLUSTERING_NB_CACHE': str(tmp_path)}
    r = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', 'nbs/31_cnn.ipynb', '--n_workers', '0'], cwd=ROOT, env=env, capture_output=True, text=True)
    assert r.returncode==0 and 'Success' in r.stdout+r.stderr, (r.stdout+r.stderr)[-2000:]

def test_unknown_backend_is_told():
    r = subprocess.run([sys.executable, '-c', 'import clustering_nb.cnn'], cwd=ROOT, env=os.environ|{'KERAS_BACKEND': 'jax'}, capture_output=True, text=True)
    assert r.returncode==1 and "KERAS_BACKEND is 'jax'" in r.stderr
