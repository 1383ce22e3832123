"scikit-learn's own checks of estimators, for those of ours that take vectors."
import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from clustering_nb import reduction
from clustering_nb.clustering import DBSCAN, GMM, HDBSCAN, OPTICS, Agglomerative, Spectral, Ward, clusterers
from clustering_nb.data import Images
from clustering_nb.levels import Levels
from clustering_nb.reduction import UMAP, reducers
from clustering_nb.study import make_recipe

ESTIMATORS = [Ward(3), Agglomerative(3), HDBSCAN(), DBSCAN(), OPTICS(), Spectral(2), GMM(3), UMAP(2, n_epochs=5), Levels()]

@pytest.mark.parametrize('estimator', ESTIMATORS, ids=lambda e: type(e).__name__)
def test_check_estimator(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        done = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = {r['check_name']: str(r['exception'])[:300] for r in done if r['status']=='failed'}
    assert len(done)>30 and not failed, failed

def test_approximate_neighbours(monkeypatch):
    "Beyond the exact search, nearly all neighbours are right, and the same each time."
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(8*i, 1, (200, 6)) for i in range(4)]).astype(np.float32)
    exact = reduction.neighbors(x, 15).indices
    monkeypatch.setattr(reduction, 'MAX_EXACT', 0)
    found = []
    for _ in range(2):
        reduction.neighbor_memo.clear()
        found.append(reduction.neighbors(x, 15))
    assert found[0].index is not None and (found[0].indices==found[1].indices).all()
    assert np.mean([len(set(a)&set(b)) for a,b in zip(found[0].indices, exact)])>14
    reduction.neighbor_memo.clear()

def test_global_random_state_is_left_alone():
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    for recipe in ('pca:3+kmeans:3', 'umap:2+gmm:3', 'spectral:3', 'nmf:2+ward:3'):
        before = np.random.get_state()[1].copy()
        make_recipe(recipe, 0).fit(Images(np.abs(x)))
        assert (np.random.get_state()[1]==before).all(), recipe

def test_all_of_ours_are_checked():
    "A clusterer or reducer of the registries that is a class of this library is in the list above."
    mine = {type(c) for registry in (clusterers, reducers) for n in registry if n!='sample' for c in [registry.make(n, seed=0)] if type(c).__module__.startswith('clustering_nb.')}
    assert mine<={type(e) for e in ESTIMATORS}, mine-{type(e) for e in ESTIMATORS}
