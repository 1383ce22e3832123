"""Large folders of small photos through `clustering-nb run`: time, memory, and what a second run costs. `make bench-folder`

    python benchmarks/folder.py [--n 10000,100000] [--embedder descriptors]

Photos are random pieces of two photos that scikit-learn ships, turned, scaled and recoloured, 64 pixels a side: as many as one
likes, no two alike. The program runs as its users run it, in a process of its own with an empty cache; memory is the largest that
it and its children held together. The second run finds everything in the cache; for the third, one photo in a hundred is new.
Adds to results/folder.csv."""
import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from common import PROGRAM, ROOT, child, keep
from PIL import Image

def make_photos(folder, first, last, side=64):
    "Write photos number `first` to `last`-1; the same number gives the same photo."
    from sklearn.datasets import load_sample_image
    whole = [Image.fromarray(load_sample_image(f'{name}.jpg')) for name in ('china', 'flower')]
    for i in range(first, last):
        rng = np.random.default_rng(i)
        source,size = whole[i%2],int(rng.integers(60, 220))
        left,top = int(rng.integers(0, source.width-size)),int(rng.integers(0, source.height-size))
        piece = source.crop((left, top, left+size, top+size)).rotate(float(rng.uniform(-15, 15)), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BILINEAR)
        x = np.asarray(piece, np.float32)*rng.uniform(.7, 1.3, 3)+rng.normal(0, 4, (side, side, 3))
        Image.fromarray(np.clip(x, 0, 255).astype(np.uint8)).save(folder/f'{i:07d}.jpg', quality=85)

def main(args):
    for n in map(int, args.n.split(',')):
        with tempfile.TemporaryDirectory() as tmp:
            tmp = Path(tmp)
            (tmp/'photos').mkdir()
            make_photos(tmp/'photos', 0, n)
            recipe = f'{args.embedder}+pca:50+umap:10+levels'
            for what in ('first run', 'same again', 'one in a hundred is new'):
                if what.startswith('one'):
                    for i in range(0, n, 100): (tmp/'photos'/f'{i:07d}.jpg').unlink()
                    make_photos(tmp/'photos', n, n+-(-n//100))
                seconds,mb,_ = child([PROGRAM, 'run', tmp/'photos', '--recipe', recipe, '--out', tmp/'out'], {'CLUSTERING_NB_CACHE': str(tmp/'cache')})
                found = pd.read_csv(tmp/'out'/'assignments.csv')
                files = sum(f.stat().st_size for f in (tmp/'out').rglob('*') if f.is_file())/2**20
                row = {'n': n, 'recipe': recipe, 'run': what, 'seconds': round(seconds, 1), 'peak_memory_mb': round(mb), 'photos': len(found), 'clusters': int(found.cluster[found.cluster>=0].nunique()), 'report_mb': round((tmp/'out'/'report.html').stat().st_size/2**20, 1), 'all_files_mb': round(files, 1)}
                print(row, flush=True)
                keep(ROOT/'results'/'folder.csv', [row], ['n', 'recipe', 'run'])

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--n', default='10000,100000', help="numbers of photos, joined by commas")
    p.add_argument('--embedder', default='descriptors', help="what embeds them")
    main(p.parse_args())
