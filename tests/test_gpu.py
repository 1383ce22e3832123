"With a graphics card: the same numbers as on the processor, within tolerance. Without one these tests are skipped."
import os
import subprocess
import sys

import numpy as np
import pytest

from clustering_nb.core import need

torch = need('torch', 'torch')
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

WORK = '''
import sys
import numpy as np
from clustering_nb.core import need
torch = need('torch', 'torch')
from clustering_nb.data import load
from clustering_nb.training import best_device
assert best_device().type==sys.argv[1], best_device()
digits = load('digits')
if sys.argv[2]=='features':
    from clustering_nb.pretrained import PretrainedFeatures
    z = PretrainedFeatures(side=64, precision='float32', cache=False).fit_transform(digits[:100])
else:
    from clustering_nb.embedding import embedders
    z = embedders.make('ae', 10, seed=0).set_params(checkpoint=False, epochs=20).fit_transform(digits)
np.save(sys.argv[3], z)
'''

def vectors(device, what, path):
    "What a process computes that sees the card, or that doesn't."
    env = os.environ|({} if device=='cuda' else {'CUDA_VISIBLE_DEVICES': ''})
    subprocess.run([sys.executable, '-c', WORK, device, what, str(path)], check=True, env=env)
    return np.load(path)

def test_features(tmp_path):
    "A pre-trained network sees the same, to a thousandth of what vectors are long."
    card,processor = (vectors(d, 'features', tmp_path/f'{d}.npy') for d in ('cuda', 'cpu'))
    assert np.linalg.norm(card-processor, axis=1).max()<1e-3*np.linalg.norm(processor, axis=1).mean()

def test_training(tmp_path):
    "A network trained on the card is as good: its vectors tell digits apart as well, since the last digits of sums differ."
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    from clustering_nb.data import load
    y = load('digits').labels
    card,processor = (adjusted_rand_score(y, KMeans(10, n_init=10, random_state=0).fit_predict(vectors(d, 'training', tmp_path/f'{d}.npy'))) for d in ('cuda', 'cpu'))
    assert abs(card-processor)<.1
