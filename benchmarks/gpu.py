"""What a graphics card is good for: the same work on it and on the processor of the same machine. `make bench-gpu`

    python benchmarks/gpu.py [--only 'features;photos alone'] [--photos imagenet10]

Every measurement is a process of its own, which sees the card or doesn't. It warms up on a part of its input, and only then starts
the clock. On the card everything is done twice with one seed, and both results are compared, digit by digit. *apart* is by how much
results of card and processor differ: of features, the largest distance of two vectors of an image as a share of what vectors are
long; of trained networks, the difference of the ARI of k-means on their vectors with the classes, since two trainings whose last
digits differ end at other weights. Photos and digits are real ones, 'imagenet10' being a folder or zip in CLUSTERING_NB_DATA; jobs whose data are not there are left out.
Writes results/gpu.csv."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import ROOT, keep

SIDE = 64 # Of photos, in pixels

# ---- What jobs are about, and jobs: each gives a function to time, and one that warms up

def photos(where):
    from clustering_nb.data import load
    return load(where, size=SIDE)

def digits(where):
    from clustering_nb.data import load
    return load('mnist', n=20_000)

def features(precision):
    def job(images):
        from clustering_nb.pretrained import PretrainedFeatures
        step = PretrainedFeatures(precision=precision, cache=False).fit(images)
        return (lambda: step.transform(images)),(lambda: step.transform(images[:300]))
    return job

def squares(images):
    "Only what comes before the network: decoding, and scaling to what it expects."
    from clustering_nb.pretrained import PretrainedFeatures
    step = PretrainedFeatures(cache=False).fit(images)
    step._forward = lambda x: np.zeros((len(x), step.facts_.width), np.float32)
    return (lambda: step.transform(images)),(lambda: step.transform(images[:300]))

def training(name, width, **length):
    def job(images):
        from clustering_nb.embedding import embedders
        def make(**kw): return embedders.make(name, width, seed=0, **kw).set_params(checkpoint=False)
        return (lambda: make(**length).fit_transform(images)),(lambda: make(**dict.fromkeys(length, 1)).fit(images))
    return job

JOBS = {'features, float32': (photos, features('float32')), 'features': (photos, features('auto')), 'photos alone': (photos, squares),
        'cae:20,epochs=3': (digits, training('cae', 20, epochs=3)), 'vae:128,epochs=3': (photos, training('vae', 128, epochs=3)),
        'simclr:128,steps=60': (digits, training('simclr', 128, steps=60))}

def one(name, path, where):
    "Run one job here; vectors into a file, and seconds as JSON."
    from clustering_nb.core import need
    torch = need('torch', 'torch')
    data,job = JOBS[name]
    images = data(where)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    work,warm = job(images)
    warm()
    begun = time.perf_counter()
    z = work()
    found = {'seconds': time.perf_counter()-begun, 'n': len(images), 'device': torch.cuda.get_device_name() if device=='cuda' else f'{os.cpu_count()} cores', 'torch': torch.__version__}
    if device=='cuda': found['same_twice'] = '' if name=='photos alone' else bool(np.array_equal(z, work())) # Those have no vectors
    if images.labels is not None and not name.startswith(('features', 'photos')):
        from sklearn.cluster import KMeans
        from sklearn.metrics import adjusted_rand_score
        found['ari'] = adjusted_rand_score(images.labels, KMeans(len(images.class_names), n_init=10, random_state=0).fit_predict(z))
    np.save(path, z)
    print(json.dumps(found))

def measured(name, device, path, where):
    env = os.environ|{'CLUSTERING_NB_PROGRESS': '0', 'CLUSTERING_NB_CACHE': str(path.parent/'cache')}|({} if device=='cuda' else {'CUDA_VISIBLE_DEVICES': ''})
    r = subprocess.run([sys.executable, __file__, '--one', name, '--to', str(path), '--photos', where], cwd=ROOT, env=env, capture_output=True, text=True)
    if r.returncode: raise SystemExit((r.stdout+r.stderr)[-3000:])
    return json.loads(r.stdout.splitlines()[-1]),np.load(path)

def apart(name, card, a, processor, b):
    "By how much two results differ."
    if name.startswith('photos'): return ''
    if 'ari' in card: return round(abs(card['ari']-processor['ari']), 4)
    return round(float(np.linalg.norm(a-b, axis=1).max()/np.linalg.norm(b, axis=1).mean()), 6)

def there(name, where):
    "Are the data of a job here? If not, it is said what is lacking."
    try: JOBS[name][0](where)
    except FileNotFoundError as e: print(f'{name}: left out. {e}', flush=True)
    else: return True

def main(names, where, out):
    for name in names:
        if not there(name, where): continue
        with tempfile.TemporaryDirectory() as tmp: (card,a),(processor,b) = (measured(name, d, Path(tmp)/f'{d}.npy', where) for d in ('cuda', 'cpu'))
        row = {'job': name, 'images': card['n'], 'processor': processor['device'], 'processor_seconds': round(processor['seconds'], 2), 'card': card['device'], 'card_seconds': round(card['seconds'], 2),
                     'times_faster': round(processor['seconds']/card['seconds'], 1), 'apart': apart(name, card, a, processor, b), 'same_twice': card['same_twice'], 'torch': card['torch']}
        print(row, flush=True)
        keep(out, [row], ['job', 'card'])

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--only', default=';'.join(JOBS), help="jobs, joined by semicolons")
    p.add_argument('--photos', default='imagenet10', help="a folder of photos")
    p.add_argument('--out', default=ROOT/'results'/'gpu.csv', help="the table")
    p.add_argument('--one', help=argparse.SUPPRESS)
    p.add_argument('--to', help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.one: one(a.one, a.to, a.photos)
    else:
        from clustering_nb.core import need
        torch = need('torch', 'torch')
        if not torch.cuda.is_available(): sys.exit("No CUDA device here, so there is nothing to compare.")
        names = [n.strip() for n in a.only.split(';')]
        if odd := [n for n in names if n not in JOBS]: p.error(f"there is no job {', '.join(map(repr, odd))}. There are: {'; '.join(JOBS)}.")
        main(names, str(Path(a.photos).resolve()) if Path(a.photos).exists() else a.photos, a.out)
