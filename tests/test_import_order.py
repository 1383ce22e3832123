"TensorFlow, triton, numba and torch in one process: whichever two come first through `need`, it works, each time in a fresh process."
import ast
import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clustering_nb import core
from clustering_nb.core import installed

MODULES = tuple(m for m in ('tensorflow', 'triton', 'numba', 'torch') if installed(m)) # There is no triton on a Mac
missing = [m for m in ('tensorflow', 'torch') if not installed(m)]
needs_all = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")

USE = '''
numba = need('numba'); torch = need('torch')
assert numba.njit(lambda x: x+1)(1)==2
p = torch.nn.Parameter(torch.ones(2))
torch.optim.Adam([p]).step() # Imports triton, if it is there
print('fine')
'''

def fresh(code):
    "Status and output of `code` in a new process."
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300, env=os.environ|{'TF_CPP_MIN_LOG_LEVEL': '3'})
    return r.returncode,r.stdout.strip().split('\n')[-1],r.stderr[-800:]

GUARDED = {'tensorflow', 'keras', 'triton', 'torch', 'torchvision', 'timm', 'numba', 'umap', 'pynndescent', 'hdbscan'}

def imported(path):
    "The first names of what a module imports, wherever in it."
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): yield from (a.name.split('.')[0] for a in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level: yield node.module.split('.')[0]

def test_the_library_imports_them_by_need_alone(tmp_path):
    found = {p.name: sorted({*imported(p)}&GUARDED) for p in sorted(Path(core.__file__).parent.glob('*.py'))}
    assert len(found)>20 and not any(found.values()), f'Import these by core.need: { {k: v for k,v in found.items() if v} }'
    (tmp_path/'a.py').write_text('def f():\n    import torch.nn\n    from umap.umap_ import UMAP\n    from .core import need')
    assert sorted(imported(tmp_path/'a.py'))==['torch', 'umap'] # It would be seen

@needs_all
def test_every_order_of_the_first_two():
    orders = [(*first, *(m for m in MODULES if m not in first)) for first in itertools.permutations(MODULES, 2)]
    codes = ['from clustering_nb.core import need\n'+'\n'.join(f'need({m!r})' for m in order)+USE for order in orders]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool: done = list(pool.map(fresh, codes))
    bad = {order: r for order,r in zip(orders, done) if r[:2]!=(0, 'fine')}
    assert len(done)==len(MODULES)*(len(MODULES)-1)>=6 and not bad, bad

@needs_all
def test_tensorflow_imported_by_somebody_else():
    "Who imports TensorFlow before us can still use torch and UMAP afterwards."
    code = "import tensorflow\nfrom clustering_nb.core import need\n"+USE+"import numpy as np\nfrom clustering_nb.reduction import umap\nassert umap(2).fit_transform(np.random.rand(40, 3)).shape==(40, 2)\nprint('fine')"
    assert fresh(code)[:2]==(0, 'fine')

@needs_all
def test_umap_then_keras_then_torch():
    "One process reduces, then trains in Keras, then in torch, as notebooks in a shared worker do."
    code = '''
import numpy as np
from clustering_nb.core import need
from clustering_nb.reduction import umap
umap(2).fit(np.random.rand(40, 3))
keras = need('keras', 'keras')
model = keras.Sequential([keras.layers.Dense(1)]); model.compile('adam', 'mse')
model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
'''+USE
    assert fresh(code)[:2]==(0, 'fine')

def test_umap_does_not_bring_tensorflow():
    "Importing umap is quick because TensorFlow stays out, and TensorFlow can come later."
    assert fresh("from clustering_nb.core import need\nneed('umap')\nimport sys\nassert 'tensorflow' not in sys.modules\nprint('fine')")[:2]==(0, 'fine')
