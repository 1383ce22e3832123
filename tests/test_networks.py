"Networks that meet bad input, full disks, interruptions and files of strangers."
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip('torch', reason="PyTorch is not installed: pip install 'clustering_nb[torch]'")
from clustering_nb.core import need

torch = need('torch', 'torch')
from clustering_nb.data import Images, load
from clustering_nb.embedding import embedders
from clustering_nb.study import Experiment, make_recipe, run
from clustering_nb.training import load_network, read_weights

NAMES = ('ae', 'cae', 'vae', 'ssae', 'cvae', 'class_losses', 'simclr', 'simclr_pair', 'vicreg')
CONTRASTIVE = 'simclr','simclr_pair','vicreg'
few = load('digits').sample(200)

def make(name, **kw):
    "A small one, quick to train."
    small = dict(dimensions=8, steps=2, width=4) if name in CONTRASTIVE else dict(latent=4, epochs=1)
    return embedders.make(name, **small|kw, seed=0)

def fit(name, images, **kw): return make(name, **kw).fit(images, images.labels if embedders[name].labels_used else None)

@pytest.mark.parametrize('name', NAMES)
def test_one_image(name):
    with pytest.raises(ValueError, match='at least|two classes'): fit(name, few[0])

@pytest.mark.parametrize('name', ('ssae', 'cvae', 'class_losses'))
def test_one_class(name):
    with pytest.raises(ValueError, match='at least two classes'): fit(name, few[few.labels==3])
    with pytest.raises(ValueError, match='has none'): make(name).fit(few.without_labels())

@pytest.mark.parametrize('name', NAMES)
def test_odd_pixels(name):
    "Pixels that are no pixels are refused before any training."
    x = few.pixels()/255
    for wrong,words in ((np.where(np.arange(8)==3, np.nan, x), 'NaN'), (x*7, 'from 0 to 7'), (x-1, 'from -1')):
        with pytest.raises(ValueError, match=words): fit(name, Images(wrong, few.labels))
    with pytest.raises(ValueError, match='vectors of 64'): fit(name, Images(x.reshape(200, -1), few.labels))
    with pytest.raises(ValueError, match='different sizes'): make(name).fit(np.array([np.zeros((8, 8)), np.zeros((9, 9))], dtype=object), [0, 1])

@pytest.mark.parametrize('name', [n for n in NAMES if n not in CONTRASTIVE])
def test_latent_wider_than_the_image(name):
    with pytest.raises(ValueError, match='from 1 to 64.*got 65'): fit(name, few, latent=65)

@pytest.mark.parametrize('name', NAMES)
def test_batch_larger_than_the_data(name):
    with pytest.raises(ValueError, match='a batch of 1 to .*got `batch_size` 1000'): fit(name, few, batch_size=1000)

@pytest.mark.parametrize('name', NAMES)
def test_other_shapes_and_colours(name):
    "Any size and channel count the data has."
    for shape in ((5, 9), (28, 28), (40, 31, 3)):
        images = Images(np.random.default_rng(0).integers(0, 255, (24, *shape), dtype=np.uint8), np.arange(24)%2)
        fitted = fit(name, images)
        assert np.isfinite(fitted.transform(images)).all()
        if hasattr(fitted, 'decode') and name!='cvae': assert fitted.decode(fitted.transform(images)).shape==(24, *shape)

def test_unseen_label():
    cvae = fit('cvae', few)
    with pytest.raises(ValueError, match="No image of class 'x' was learned from. Known: 0, 1"): cvae.sample(2, 'x')
    with pytest.raises(ValueError, match='give `label`'): cvae.sample(2)

def test_full_disk_while_saving(tmp_path):
    "The file that was there stays; nothing half-written is left."
    path = fit('ae', few).save(tmp_path/'net.safetensors')
    before = path.read_bytes()
    code = f"""import resource, signal
from clustering_nb.data import load
from clustering_nb.embedding import embedders
net = embedders.make('ae', 4, epochs=1, seed=1).fit(load('digits').sample(200))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try: net.save({str(path)!r})
except OSError as e: print('told:', e.strerror)"""
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert 'told: File too large' in r.stdout, r.stderr
    assert path.read_bytes()==before and [p.name for p in tmp_path.iterdir()]==['net.safetensors']

def test_foreign_weights(tmp_path):
    path = fit('vae', few).save(tmp_path/'net.safetensors')
    good,(tensors,facts) = path.read_bytes(),read_weights(path)
    from clustering_nb.training import write_weights
    for cut in (0, 4, 100, len(good)//2, len(good)-1):
        path.write_bytes(good[:cut])
        with pytest.raises(ValueError, match='no safetensors file, or was cut off'): load_network(path)
    class Bomb:
        def __reduce__(self): return os.mkdir,(str(tmp_path/'exploded'),)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match='no safetensors file'): load_network(path)
    torch.save({'a': Bomb()}, path)
    with pytest.raises(ValueError, match='no safetensors file'): load_network(path)
    assert not (tmp_path/'exploded').exists()
    for change,words in ((dict(kind='os.system'), "kind 'os.system'"), (dict(params={'evil': 1}), 'was changed'), (dict(shape=[9, 9]), "don't fit the network")):
        write_weights(path, tensors, facts|change)
        with pytest.raises(ValueError, match=words): load_network(path)
    write_weights(path, {k: v for k,v in tensors.items() if 'encoder' not in k}, facts)
    with pytest.raises(ValueError, match="don't fit the network"): load_network(path)
    with pytest.raises(FileNotFoundError): load_network(tmp_path/'none.safetensors')

@pytest.mark.parametrize('name', NAMES)
def test_global_state_is_left_alone(name):
    np.random.seed(3); torch.manual_seed(3)
    before = np.random.get_state()[1].copy(),torch.get_rng_state()
    a = fit(name, few).transform(few)
    assert (np.random.get_state()[1]==before[0]).all() and torch.equal(torch.get_rng_state(), before[1])
    np.random.seed(4); torch.manual_seed(4)
    np.testing.assert_array_equal(fit(name, few).transform(few), a)

KILLED = """import sys
from clustering_nb import training
from clustering_nb.data import load
from clustering_nb.embedding import embedders
training.CHECKPOINT_SECONDS = 0
net = embedders.make(*sys.argv[1:2], *eval(sys.argv[2]), seed=0, **eval(sys.argv[3]))
net.set_params(checkpoint=sys.argv[4]).fit(load('digits'))
net.save(sys.argv[5])"""

@pytest.mark.parametrize('name,args,kw', [('vae', (4, 64), dict(epochs=400)), ('simclr', (8, 600), dict(width=4, decay=True))])
def test_killed_training_resumes_to_the_same_weights(tmp_path, name, args, kw):
    "kill -9 at several moments; what comes out in the end is what comes out undisturbed, bit by bit."
    env = os.environ|{'OMP_NUM_THREADS': '1', 'CLUSTERING_NB_CACHE': str(tmp_path/'cache')}
    command = lambda checkpoint, out: [sys.executable, '-c', KILLED, name, repr(args), repr(kw), str(tmp_path/checkpoint), str(tmp_path/out)]
    subprocess.run(command('a.ckpt', 'straight'), env=env, check=True)
    at,kills = tmp_path/'b.ckpt',0
    for _ in range(3):
        p = subprocess.Popen(command('b.ckpt', 'resumed'), env=env)
        seen,deadline = at.stat().st_mtime_ns if at.exists() else 0,time.time()+120
        while p.poll() is None and (not at.exists() or at.stat().st_mtime_ns==seen) and time.time()<deadline: time.sleep(.01)
        time.sleep(.2)
        if p.poll() is None: p.kill(); kills += 1
        p.wait()
    subprocess.run(command('b.ckpt', 'resumed'), env=env, check=True)
    assert kills and not at.exists()
    (a,fa),(b,fb) = read_weights(tmp_path/'straight'),read_weights(tmp_path/'resumed')
    assert a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a) and fa['history']==fb['history']

def test_encoders_side_by_side_are_kept_one_by_one(tmp_path, monkeypatch):
    "Interrupted in the second, it does not begin again with the first; and nothing is half trained."
    from clustering_nb import training
    monkeypatch.setenv('CLUSTERING_NB_CACHE', str(tmp_path))
    monkeypatch.setattr(training, 'REMEMBER_SECONDS', -1)
    real,trained = training.train,[]
    def interrupted(*a, **kw):
        trained.append(1)
        if len(trained)==2: raise KeyboardInterrupt
        return real(*a, **kw)
    monkeypatch.setattr(training, 'train', interrupted)
    net = make('simclr_pair')
    with pytest.raises(KeyboardInterrupt): net.fit(few)
    with pytest.raises(ValueError, match='not fitted'): net.transform(few)
    z = net.fit(few).transform(few)
    assert len(trained)==3 # The first one was not trained again
    np.testing.assert_array_equal(make('simclr_pair').set_params(checkpoint=False).fit(few).transform(few), z)

def test_recipes():
    "From the registry into any recipe; methods that look at classes say so."
    result = run(Experiment('digits', 'ae:8,hidden=64-32,epochs=2+kmeans:10', n=300), cache=False)
    assert result.facts['tag']=='from scratch' and len(result.labels)==300
    result = run(Experiment('digits', 'ssae:8,epochs=1+kmeans:10', n=300), cache=False)
    assert result.facts['tag']=='labels used' and result.facts['labels_used']
    with pytest.raises(ValueError, match='learns from classes'): run(Experiment('x', 'cvae:4,epochs=1+kmeans:3'), few.without_labels(), cache=False)
    pipeline = make_recipe('simclr:8,steps=2,width=4+kmeans:3').fit(few)
    assert pipeline.predict(few[:5]).shape==(5,)

def test_views_never_mirror_digits():
    from clustering_nb.selfsupervised import choose_views
    assert not choose_views(load('digits')).flip
    assert choose_views(Images(np.zeros((3, 28, 28), np.uint8), name='fashion-mnist')).flip

def test_a_network_is_not_taken_for_another(tmp_path, monkeypatch):
    "What is kept in the cache is found again only if everything that steers training is the same."
    from clustering_nb import training
    from clustering_nb.selfsupervised import ContrastiveEncoder
    monkeypatch.setenv('CLUSTERING_NB_CACHE', str(tmp_path))
    monkeypatch.setattr(training, 'REMEMBER_SECONDS', -1)
    x = few.pixels()
    clothes = ContrastiveEncoder(8, steps=2, width=4).fit(Images(x, name='fashion-mnist'))
    plain = ContrastiveEncoder(8, steps=2, width=4).fit(Images(x, name='images'))
    assert clothes.views_['flip'] and not plain.views_['flip']
    trained = []
    real = training.train
    monkeypatch.setattr(training, 'train', lambda *a, **kw: trained.append(1) or real(*a, **kw))
    e = Experiment('digits', 'ae:4,hidden=16,epochs=2+kmeans:10', n=200)
    run(e); run(e)
    assert len(trained)==1
    run(e, cache=False); run(e, cache=False) # Computes everything anew, and leaves nothing
    assert len(trained)==3

def test_classes_of_new_images_are_not_looked_at():
    pipeline = make_recipe('cvae:4,epochs=5+kmeans:10').fit(few, None)
    new = load('digits')[300:400]
    np.testing.assert_array_equal(pipeline.predict(new), pipeline.predict(new.without_labels()))

def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    "Training goes on without a checkpoint, and says so; a checkpoint that was asked for by name is insisted on."
    from clustering_nb import training
    (tmp_path/'file').write_text('')
    monkeypatch.setenv('CLUSTERING_NB_CACHE', str(tmp_path/'file'))
    monkeypatch.setattr(training, 'CHECKPOINT_SECONDS', -1)
    with pytest.warns(UserWarning, match="can't be resumed"): net = make('ae', epochs=2).fit(few)
    assert len(net.loss_history_)==2
    with pytest.raises(OSError): make('ae', epochs=2).set_params(checkpoint=str(tmp_path/'file/net')).fit(few)

def test_damaged_checkpoint(tmp_path):
    "In the cache it is written anew; a file that was named is not touched."
    path = tmp_path/'net.ckpt'
    path.write_bytes(b'half a checkpoint')
    with pytest.raises(ValueError, match='Delete it, or name another file'): make('ae').set_params(checkpoint=str(path)).fit(few)
    assert path.read_bytes()==b'half a checkpoint'

def test_odd_numbers_of_images():
    "A last image that is left over is no batch of its own."
    for n in (9, 10, 12, 286): assert np.isfinite(fit('cae', load('digits')[:n], batch_size=None).transform(few)).all()
    assert np.isfinite(make('cae', batch_size=4).fit(few[:10]).transform(few)).all()

@pytest.mark.parametrize('recipe,said', [('vae:4,beta=none', "'beta'"), ('ae:8,hidden=1.5', 'such as 512'), ('ae:8,epochs=1.5', "'epochs'"), ('simclr:8,steps=-1', '`steps`'), ('simclr:8,views=photo', "Did you mean 'photos'"), ('ssae:8,labelled=2', 'share above 0'), ('cae:8,channels=8-8-8-8', 'allow 3')])
def test_odd_parameters(recipe, said):
    with pytest.raises(ValueError, match=said): run(Experiment('digits', recipe+'+kmeans:3', n=100), cache=False)

def test_half_a_fit_is_none(monkeypatch):
    from clustering_nb import training
    monkeypatch.setattr(training, 'REMEMBER_SECONDS', float('inf')) # However long the first fit takes, the second starts anew
    net = make('ae').fit(few)
    before = net.transform(few)
    def stop(*a, **kw): raise KeyboardInterrupt
    monkeypatch.setattr(training, '_round', stop)
    with pytest.raises(KeyboardInterrupt): net.fit(few[:50])
    np.testing.assert_array_equal(net.transform(few), before)
    with pytest.raises(KeyboardInterrupt): (new := make('ae')).fit(few)
    with pytest.raises(Exception, match='not fitted yet'): new.transform(few)

def test_code_of_a_class_of_somebody_else(tmp_path, monkeypatch):
    "What its module holds beside it counts, and lists; a training of other code is not gone on with."
    import importlib

    from clustering_nb.training import _code_of
    monkeypatch.syspath_prepend(str(tmp_path)); monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    found = []
    for weights,factor in ((1., 1), (2., 1), (1., 100), (1., 1)):
        (tmp_path/'theirs.py').write_text(f'from clustering_nb.autoencoders import Autoencoder\ndef own_loss(x): return {factor}*x.mean()\nclass Mine(Autoencoder):\n    weights = [{weights}]\n    def _loss(self, net, batch): return {{"loss": own_loss(batch[0])*self.weights[0]}}\n')
        sys.modules.pop('theirs', None)
        importlib.invalidate_caches()
        found.append(_code_of(importlib.import_module('theirs').Mine))
    sys.modules.pop('theirs', None)
    assert found[0]==found[3] and len(set(map(repr, found)))==3
