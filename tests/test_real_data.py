"The large data sets, where they are at hand: skipped elsewhere, saying so."
import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from clustering_nb.data import datasets, find_idx, load
from clustering_nb.study import Experiment, run

def at_hand(name, monkeypatch):
    "The data set, without trying to download it."
    if name=='fashion-mnist' and Path('/usr/share/datasets/fashion-mnist').is_dir(): return load(name) # It is there, so it has to be found
    monkeypatch.setattr('clustering_nb.data._download', lambda _: 'nothing was downloaded')
    try: return load(name)
    except FileNotFoundError as e: pytest.skip(str(e).split('\n')[0])

@pytest.mark.parametrize('name,largest,smallest', [('mnist', 7877, 6313), ('fashion-mnist', 7000, 7000)])
def test_mnist_like(name, largest, smallest, monkeypatch):
    images = at_hand(name, monkeypatch)
    counts = np.bincount(images.labels)
    assert images.shape==(70_000, 28, 28) and counts.max()==largest and counts.min()==smallest
    assert len(load(name, split='train'))==60_000 and len(load(name, split='test'))==10_000
    train,test = images.split((.8, .2), seed=0)
    assert len(test)==14_000 and np.abs(np.bincount(test.labels)-counts*.2).max()<=1

def test_clothes_are_told_apart(monkeypatch):
    images = at_hand('fashion-mnist', monkeypatch).sample(5000)
    scores = run(Experiment('fashion-mnist', 'pca:50+ward:10'), images, cache=False).scores
    assert scores['ari']>.25 and scores['n']==5000

def test_photos_stay_on_disk():
    "25 557 photos at 224 pixels would take 3.8 GB; loading and one pass over some of them take little."
    zipped = Path(os.environ.get('CLUSTERING_NB_DATA', ''), 'photos201.zip')
    if not zipped.is_file(): pytest.skip("no photos201.zip in CLUSTERING_NB_DATA")
    before = psutil.Process().memory_info().rss
    photos = load(zipped, size=224)
    for i,(where,x) in enumerate(photos.batches(256)):
        if i==4: break
    assert photos.shape==(25_557, 224, 224, 3) and x.shape[1:]==(224, 224, 3) and len(photos.class_names)==201
    assert psutil.Process().memory_info().rss-before<700e6

def test_missing_data_names_every_place(monkeypatch, tmp_path):
    monkeypatch.setattr('clustering_nb.data._download', lambda _: 'nothing was downloaded')
    monkeypatch.setenv('CLUSTERING_NB_DATA', str(tmp_path/'data')); monkeypatch.setenv('CLUSTERING_NB_CACHE', str(tmp_path/'cache'))
    with pytest.raises(FileNotFoundError) as e: find_idx('Fashion-MNIST', 'FashionMNIST', ['FashionMNIST/raw', 'fashion-mnist'], [tmp_path/'system'], 'dataset-fashion-mnist')
    said = str(e.value)
    for place in ('data/FashionMNIST/raw', 'data/fashion-mnist', 'cache/data/FashionMNIST/raw', 'system'): assert str(tmp_path/place) in said
    assert all(f'  {i}. ' in said for i in (1, 2, 3)) and 'dataset-fashion-mnist' in said and 'mnist' in list(datasets)
