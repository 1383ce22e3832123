"""How time and memory grow with the number of images: 10 000, 100 000 and 1 000 000 vectors, and 100 000 files. `make bench-scale`

    python benchmarks/scale.py [--only growth,quality,files,search] [--n 10000,100000,1000000] [--files 100000]

growth: vectors of 64 numbers are drawn from a Gaussian mixture that was fitted to features of photographs (benchmarks/mixture.npz;
    --fit FEATURES.npy makes it anew). Each method runs in a process of its own, which imports, compiles and reads what it works on
    before the clock starts; work of less than half a second is done five times, and the quickest counts. Memory is the largest that
    the process had while it worked, vectors and libraries included; for vectors on disk, another process has written them.
    `clustering-nb run` is the program as its users run it, from its start to its end. -> results/scale.csv
quality: what is lost by fitting on samples, on the 70 000 pictures of Fashion-MNIST. -> results/scale_quality.csv
files: photos as in benchmarks/folder.py through a network, divided among one worker and two. -> results/scale_files.csv
search: which part of UMAP and HDBSCAN is the search for neighbours, and how long faiss takes for the same, which is not among the
    dependencies: `pip install faiss-cpu` first, else this part is left out. -> results/scale_search.csv"""
import argparse
import importlib.util
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from common import PROGRAM, ROOT, child, chosen, keep
from folder import make_photos

MIXTURE = ROOT/'benchmarks'/'mixture.npz'
D = 64

def fit(path, components=40):
    "Fit the mixture to features, (n, d), and store it: weights, means, and lower triangles of Cholesky factors."
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture
    x = PCA(D, random_state=0).fit_transform(np.load(path).astype(np.float32))
    x /= x.std()
    m = GaussianMixture(components, reg_covar=1e-3, random_state=0).fit(x)
    lower = np.stack([np.linalg.cholesky(c)[np.tril_indices(D)] for c in m.covariances_])
    np.savez(MIXTURE, weights=m.weights_.astype(np.float32), means=m.means_.astype(np.float16), lower=lower.astype(np.float16), n=len(x))

def draw(n, seed=0):
    "Vectors, (n, 64) float32, and the component of each."
    with np.load(MIXTURE) as z: weights,means,lower = z['weights'].astype(float),z['means'].astype(np.float32),z['lower'].astype(np.float32)
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(weights), n, p=weights/weights.sum())
    x = rng.standard_normal((n, D), np.float32)
    for k,(mean,flat) in enumerate(zip(means, lower)):
        factor = np.zeros((D, D), np.float32)
        factor[np.tril_indices(D)] = flat
        at = np.flatnonzero(labels==k)
        x[at] = x[at]@factor.T+mean
    return x,labels

# ---- Each of these gets vectors, their labels and an empty folder, and gives a function to time, and what to say of its result; those of vectors on disk get them as zarr
def pca(x, y, tmp):
    from clustering_nb.reduction import reducers
    return (lambda: reducers.make('pca', 50).fit_transform(x)),lambda z: ''

def pca_disk(x, y, tmp):
    from sklearn.decomposition import PCA

    from clustering_nb.large import fit_transform_disk
    return (lambda: fit_transform_disk(PCA(50), x)),lambda z: ''

def kmeans(x, y, tmp):
    from clustering_nb.clustering import clusterers
    step = clusterers.make('kmeans', 40, 1, seed=0)
    return (lambda: step.fit(x)),lambda s: f'inertia {s.inertia_:.6g}, {s.n_iter_} rounds'

def kmeans_disk(x, y, tmp):
    from clustering_nb.large import DiskKMeans
    return (lambda: DiskKMeans(40, 1).fit(x)),lambda s: f'inertia {s.inertia_:.6g}'

def recipe(words):
    "A clusterer, on a sample where there are many."
    def one(x, y, tmp):
        from clustering_nb.large import SAMPLE, adapted
        from clustering_nb.study import make_recipe, parse_recipe
        stages = [*map(str, parse_recipe(words))]
        at = adapted(parse_recipe(words), len(x))
        if at is not None: stages.insert(at, f'sample:{SAMPLE}')
        return (lambda: make_recipe('+'.join(stages), 0).fit_predict(x)),lambda l: f"{'+'.join(stages[1:])}: {len(np.unique(l[l>=0]))} clusters, {(l>=0).mean():.0%} covered, ARI {agreement(y, l):.3f}"
    return one

def agreement(y, l):
    from sklearn.metrics import adjusted_rand_score
    return adjusted_rand_score(y, l)

def assign(x, y, tmp):
    from clustering_nb.sorting import turned_away, vote
    new = draw(10_000, 1)[0]
    return (lambda: (vote(x, y, new), turned_away(x, new))),lambda found: f'10 000 new ones, {(found[0][0]>=0).mean():.0%} placed'

def report(x, y, tmp):
    from clustering_nb.data import Images
    from clustering_nb.report import write_report
    images = Images(x, y, name='vectors')
    def work(): return write_report(tmp/'report.html', images, y, x[:, :2], vectors=x)
    return work,lambda path: f'{path.stat().st_size/2**20:.1f} MB'

METHODS = {'pca': pca, 'pca of vectors on disk': pca_disk, 'kmeans': kmeans, 'kmeans of vectors on disk': kmeans_disk, 'hdbscan': recipe('pca:10+hdbscan'), 'umap + hdbscan': recipe('umap:10+hdbscan'), 'ward': recipe('ward:40'), 'assign': assign, 'report': report}

def written(n, path):
    "Vectors as zarr."
    from clustering_nb.vectors import write_vectors
    x,y = draw(n)
    write_vectors(path, x, labels=y)

def input_of(name, n, folder):
    "What a method works on, and the labels."
    if not name.endswith('on disk'): return draw(n)
    from clustering_nb.vectors import read_vectors
    child([sys.executable, __file__, '--one', 'write', '--n', n, '--to', folder/'x.zarr']) # Elsewhere, so that this process never held them
    return read_vectors(folder/'x.zarr')[0],None

def one(name, n):
    "Run one method here, and print what came as JSON."
    from clustering_nb.study import PeakMemory
    warnings.simplefilter('ignore')
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        for folder in ('warm', 'work'): (tmp/folder).mkdir()
        if name!='report': METHODS[name](*input_of(name, 5000, tmp/'warm'), tmp/'warm')[0]() # Compiles what numba compiles, that for many included
        work,words = METHODS[name](*input_of(name, n, tmp/'work'), tmp/'work')
        seconds = []
        with PeakMemory() as memory:
            while not seconds or len(seconds)<5 and max(seconds)<.5:
                t = time.perf_counter()
                found = work()
                seconds.append(time.perf_counter()-t)
        print(json.dumps({'seconds': min(seconds), 'runs': len(seconds), 'peak': memory.peak/2**20, 'found': words(found)}))

def whole(n, tmp):
    "`clustering-nb run` on a file of n vectors, report and all."
    from clustering_nb.large import SAMPLE, adapted
    from clustering_nb.study import parse_recipe
    child([sys.executable, __file__, '--one', 'write', '--n', n, '--to', tmp/'x.zarr'])
    words = 'pca:50+umap:10+hdbscan'
    seconds,mb,_ = child([PROGRAM, 'run', tmp/'x.zarr', '--recipe', words, '--out', tmp/'out'], {'CLUSTERING_NB_CACHE': str(tmp/'cache')})
    stages = [*map(str, parse_recipe(words))]
    at = adapted(parse_recipe(words), n)
    if at is not None: stages.insert(at, f'sample:{SAMPLE}')
    scores = json.loads((tmp/'out'/'scores.json').read_text())
    return {'method': 'clustering-nb run', 'n': n, 'seconds': round(seconds, 2), 'runs': 1, 'peak_memory_mb': round(mb), 'found': f"{'+'.join(stages[1:])}: {scores['n_clusters']} clusters, {scores['coverage']:.0%} covered, ARI {scores['ari']:.3f}; report {(tmp/'out'/'report.html').stat().st_size/2**20:.1f} MB"}

def growth(ns, names):
    for n in ns:
        for name in names:
            if name=='clustering-nb run': continue
            found = json.loads(child([sys.executable, __file__, '--one', name, '--n', n])[2].splitlines()[-1])
            row = {'method': name, 'n': n, 'seconds': round(found['seconds'], 4), 'runs': found['runs'], 'peak_memory_mb': round(found['peak']), 'found': found['found']}
            print(row, flush=True)
            keep(ROOT/'results'/'scale.csv', [row], ['method', 'n'])
        if 'clustering-nb run' in names:
            with tempfile.TemporaryDirectory() as tmp: row = whole(n, Path(tmp))
            print(row, flush=True)
            keep(ROOT/'results'/'scale.csv', [row], ['method', 'n'])

class Recipe:
    "A recipe, as a function of the size of its sample and of a seed."
    def __init__(self, words): self.words = words
    def __call__(self, m, seed):
        from clustering_nb.study import make_recipe
        return make_recipe(self.words.replace('SAMPLE', f'sample:{m}+' if m else ''), seed)

def quality(samples, seeds):
    from clustering_nb.data import load
    from clustering_nb.large import quality as compare
    from clustering_nb.reduction import reducers
    warnings.simplefilter('ignore')
    warnings.filterwarnings('error', message='Ward on') # The reference has to be exact
    images = load('fashion-mnist')
    x = reducers.make('pca', 50, seed=0).fit_transform(images.data.reshape(len(images), -1).astype(np.float32)/255)
    for words in ('SAMPLEumap:10+gmm:10', 'SAMPLEumap:10+hdbscan', 'SAMPLEumap:10+ward:10', 'SAMPLEward:10,max_work=3e11', 'SAMPLEspectral:10', 'SAMPLEgmm:10', 'SAMPLEkmeans:10'):
        for row in compare(x, images.labels, {'pca:50+'+words.replace('SAMPLE', ''): Recipe(words)}, samples, range(seeds)):
            row = {k: round(v, 4) if isinstance(v, float) else v for k,v in row.items()}
            print(row, flush=True)
            keep(ROOT/'results'/'scale_quality.csv', [row], ['recipe', 'n_sample', 'seed'])

def files(n, side):
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        (tmp/'photos').mkdir()
        make_photos(tmp/'photos', 0, n)
        for workers in (1, 2):
            words = f'efficientnet_lite0:side={side}+pca:50+kmeans:10,n_init=1'
            seconds,mb,_ = child([PROGRAM, 'run', tmp/'photos', '--recipe', words, '--scheduler', f'local:{workers}', '--out', tmp/f'out{workers}'], {'CLUSTERING_NB_CACHE': str(tmp/f'cache{workers}'), 'OMP_NUM_THREADS': '1'})
            about = json.loads((tmp/f'out{workers}'/'run.json').read_text())['seconds']
            row = {'n': n, 'side': side, 'workers': workers, 'seconds_embedding': round(about['efficientnet_lite0'], 1), 'seconds_all': round(seconds, 1), 'peak_memory_mb': round(mb), 'same': '' if workers==1 else (tmp/f'out{workers}'/'assignments.csv').read_bytes()==(tmp/'out1'/'assignments.csv').read_bytes()}
            print(row, flush=True)
            keep(ROOT/'results'/'scale_files.csv', [row], ['n', 'side', 'workers'])

def search_here(n, path):
    "Neighbours, what UMAP and HDBSCAN do with them, and k-means: seconds as JSON, and neighbours into a file."
    from clustering_nb import reduction
    from clustering_nb.clustering import clusterers
    from clustering_nb.reduction import neighbors
    from clustering_nb.study import make_recipe
    warnings.simplefilter('ignore')
    def clock(work):
        t = time.perf_counter()
        return work(),time.perf_counter()-t
    def recipe(): return make_recipe('umap:10+hdbscan', 0)
    x = draw(n)[0]
    recipe().fit_predict(x[:2000]) # Compiles what numba compiles
    exact,reduction.MAX_EXACT = reduction.MAX_EXACT,0
    neighbors(x[:5000], 30) # And the search that is not exact
    reduction.MAX_EXACT = exact
    found,seconds = clock(lambda: neighbors(x, 30)) # As many as UMAP has searched whenever it needs up to 30
    _,rest = clock(lambda: recipe().fit_predict(x)) # Takes those that were found
    step,kmeans = clock(lambda: clusterers.make('kmeans', 40, 1, seed=0).fit(x))
    np.save(path, found.indices)
    print(json.dumps({'neighbours': seconds, 'exact': found.index is None, 'rest': rest, 'kmeans': kmeans, 'rounds': int(step.n_iter_), 'inertia': float(step.inertia_)}))

def search_faiss(n, path, rounds):
    "The same by faiss, which compares all with all and is not in a process with anything else that brings OpenMP."
    import faiss
    x = draw(n)[0]
    t = time.perf_counter()
    index = faiss.IndexFlatL2(D)
    index.add(x)
    found = index.search(x, 30)[1]
    seconds,t = time.perf_counter()-t,time.perf_counter()
    inertia = faiss.Kmeans(D, 40, niter=rounds, seed=0, max_points_per_centroid=n).train(x)
    kmeans = time.perf_counter()-t
    known = np.load(path)
    print(json.dumps({'neighbours': seconds, 'kmeans': kmeans, 'inertia': float(inertia), 'same': float(np.mean([len(np.intersect1d(a, b)) for a,b in zip(found[:2000], known[:2000])])/30), 'version': faiss.__version__}))

def search(ns):
    if not importlib.util.find_spec('faiss'): return print("search: left out, since there is no faiss here. `pip install faiss-cpu` puts that right.")
    for n in ns:
        with tempfile.TemporaryDirectory() as tmp:
            def run(who, *more): return json.loads(child([sys.executable, __file__, '--one', who, '--n', n, '--to', Path(tmp)/'known.npy', *more])[2].splitlines()[-1])
            here = run('search here')
            faiss = run('search faiss', '--rounds', str(here['rounds']))
        row = {'n': n, 'search_exact': here['exact'], 'neighbours': round(here['neighbours'], 2), 'neighbours_faiss': round(faiss['neighbours'], 2), 'same': round(faiss['same'], 4), 'rest': round(here['rest'], 2),
               'kmeans': round(here['kmeans'], 2), 'kmeans_faiss': round(faiss['kmeans'], 2), 'rounds': here['rounds'], 'inertia_faiss': round(faiss['inertia']/here['inertia'], 4), 'faiss': faiss['version']}
        print(row, flush=True)
        keep(ROOT/'results'/'scale_search.csv', [row], ['n'])

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--only', default='growth,quality,files,search', help="parts, joined by commas")
    p.add_argument('--n', default='10000,100000,1000000', help="numbers of vectors")
    p.add_argument('--methods', default=','.join([*METHODS, 'clustering-nb run']), help="which methods of growth")
    p.add_argument('--files', type=int, default=100_000, help="number of files")
    p.add_argument('--side', type=int, default=96, help="pixels that the network sees of a file")
    p.add_argument('--samples', default='50000,20000,5000', help="sizes of samples for quality")
    p.add_argument('--seeds', type=int, default=2, help="of quality")
    p.add_argument('--fit', help="features, .npy, to fit the mixture to; then stop")
    p.add_argument('--one', help=argparse.SUPPRESS)
    p.add_argument('--to', help=argparse.SUPPRESS)
    p.add_argument('--rounds', type=int, help=argparse.SUPPRESS)
    a = p.parse_args()
    ns = [int(n) for n in a.n.split(',')]
    if a.fit: fit(a.fit)
    elif a.one=='write': written(ns[0], a.to)
    elif a.one=='search here': search_here(ns[0], a.to)
    elif a.one=='search faiss': search_faiss(ns[0], a.to, a.rounds)
    elif a.one: one(a.one, ns[0])
    else:
        only = chosen(a.only, ('growth', 'quality', 'files', 'search'), '--only', p)
        if 'growth' in only: growth(ns, chosen(a.methods, (*METHODS, 'clustering-nb run'), '--methods', p))
        if 'quality' in only: quality([int(m) for m in a.samples.split(',')], a.seeds)
        if 'files' in only: files(a.files, a.side)
        if 'search' in only:
            from clustering_nb.large import EXACT
            search(sorted({n for n in ns if n<EXACT}|{EXACT})) # Up to the largest fit: more than that are clustered by a sample
