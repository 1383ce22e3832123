"With a graphics card: the same numbers as on the processor, within tolerance. Without one these tests are skipped."
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('torch', reason="PyTorch is not installed: pip install 'clustering_nb[torch]'")
from clustering_nb.core import need

torch = need('torch', 'torch')
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

WORK = '''
import sys
import numpy as np
from clustering_nb.core import need
torch = need('torch', 'torch')
from contextlib import nullcontext
from clustering_nb.data import load
from clustering_nb.training import best_device, load_network
device,what,path = sys.argv[1:]
assert best_device().type==device, best_device()
digits = load('digits')
if what.startswith('features'):
    from clustering_nb.distributed import connect
    from clustering_nb.pretrained import PretrainedFeatures
    precision = 'bfloat16' if 'bfloat16' in what else 'float32'
    with connect('local:2') if 'workers' in what else nullcontext():
        z = PretrainedFeatures(side=64, precision=precision, cache=False).fit_transform(digits[:300])
elif what.startswith('again '): z = load_network(what[6:]).transform(digits)
else:
    from clustering_nb.embedding import embedders
    width,length = (16, {'steps': 60}) if what in ('simclr', 'simclr_pair', 'vicreg') else (10, {'epochs': 20})
    net = embedders.make(what, width, seed=0, **length).set_params(checkpoint=False).fit(digits, digits.labels if embedders[what].labels_used else None)
    net.save(path+'.safetensors')
    z = net.transform(digits)
np.save(path, z)
'''

def vectors(device, what, path):
    "What a process computes that sees the card, or that doesn't."
    env = os.environ|{'CLUSTERING_NB_CACHE': str(path.parent/'cache')}|({} if device=='cuda' else {'CUDA_VISIBLE_DEVICES': ''})
    subprocess.run([sys.executable, '-c', WORK, device, what, str(path)], check=True, env=env)
    return np.load(path.with_name(path.name+'.npy'))

def apart(a, b, of=np.max):
    "The largest (or mean) distance between two vectors of an image, as a share of what vectors are long."
    return of(np.linalg.norm(a-b, axis=1))/np.linalg.norm(b, axis=1).mean()

@pytest.fixture(scope='module')
def features(tmp_path_factory):
    "Of the processor."
    return vectors('cpu', 'features', tmp_path_factory.mktemp('cpu')/'z')

@pytest.mark.parametrize('precision,of,most', [('float32', np.max, 1e-3), ('bfloat16', np.mean, .1)])
def test_features(tmp_path, features, precision, of, most):
    "A pre-trained network sees the same, to a thousandth of what vectors are long; in numbers of half the size, to a tenth on the mean."
    assert apart(vectors('cuda', f'features {precision}', tmp_path/'z'), features, of)<most

def test_workers_share_the_card(tmp_path):
    "Two processes that use one card compute what one does, digit by digit."
    pytest.importorskip('distributed', reason="Dask is not installed: pip install 'clustering_nb[scale]'")
    alone,together = (vectors('cuda', what, tmp_path/what.replace(' ', '-')) for what in ('features', 'features workers'))
    np.testing.assert_array_equal(alone, together)

@pytest.mark.parametrize('name', ['ae', 'cae', 'vae', 'ssae', 'simclr_pair', 'vicreg'])
def test_training(tmp_path, name):
    "A network trained on the card is as good: its vectors tell digits apart as well, since the last digits of sums differ. The same seed gives the same one, and a processor reads its file."
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    from clustering_nb.data import load
    y = load('digits').labels
    card,again,processor = (vectors(d, name, tmp_path/f'{i}') for i,d in enumerate(('cuda', 'cuda', 'cpu')))
    np.testing.assert_array_equal(card, again)
    elsewhere = vectors('cpu', f'again {tmp_path/"0"}.safetensors', tmp_path/'elsewhere')
    assert apart(elsewhere, card)<1e-3
    score = lambda z: adjusted_rand_score(y, KMeans(10, n_init=10, random_state=0).fit_predict(z))
    assert abs(score(card)-score(processor))<.1
