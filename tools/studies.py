"""Execute in full whatever study is stale, then the pages that read the studies' results: `python tools/studies.py [NOTEBOOK …]`

Stale is what was executed with other cells, other code of the library, other versions of the libraries that compute, or other
results than there are now: results/executed.json holds fingerprints of these for each notebook, so `--list` can say what changed. An interrupted study goes on where
it was, since its experiments are kept one by one."""
import argparse
import ast
import hashlib
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from execute import ROOT, Refused, execute, settings, stopped  # noqa: E402
from execute import sources as sources_of  # noqa: E402

RECORD = ROOT/'results/executed.json'
PAGES = 'nbs/results.ipynb','nbs/gallery.ipynb','nbs/index.ipynb' # They show what studies found, so they come last

def notebooks(): return [p.relative_to(ROOT).as_posix() for p in sorted((ROOT/'nbs/studies').glob('[!_.]*.ipynb'))]+[*PAGES]

def sources(name): return sources_of(json.loads((ROOT/name).read_text(encoding='utf-8')))

def modules(name):
    "The modules of the library that a notebook imports, or whose methods it names."
    code = '\n'.join(re.sub(r'^\s*[%!].*$', 'pass', s, flags=re.M) for s in sources(name))
    found = {n.module for n in ast.walk(ast.parse(code)) if isinstance(n, ast.ImportFrom) and n.module}|{a.name for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Import) for a in n.names}
    return sorted(m for m in found|methods(name) if m.startswith('clustering_nb.'))

def methods(name):
    "The modules of the methods that a notebook names; they are imported when one is made. A word that means something else does no harm."
    from clustering_nb.clustering import clusterers
    from clustering_nb.embedding import embedders
    from clustering_nb.reduction import reducers
    words = set(re.findall(r'[a-z_]\w*', '\n'.join(sources(name))))
    return {registry[m].home for registry in (embedders, reducers, clusterers) for m in registry if m in words}

def read_only(name):
    "Tables of results that a study reads and does not write: published figures, and what another study found."
    named = set(re.findall(r"read_csv\([^()\n]*'([a-z0-9_]+\.csv)'", '\n'.join(sources(name))))
    return [p for p in (ROOT/'results'/m for m in sorted(named)) if p.is_file()]

def fingerprint(name):
    "Of everything that decides what a notebook's outputs are, but the images: a digest, or a version, by what it is of."
    sys.path.insert(0, str(ROOT))
    from clustering_nb.core import _instructions, _needs, versions
    digest = lambda x: hashlib.sha256(x if isinstance(x, bytes) else json.dumps(x).encode()).hexdigest()[:12]
    needed = sorted(set().union(*(_needs(m.removeprefix('clustering_nb.')) for m in modules(name))))
    found = {'its cells': digest(sources(name))}|{f'code of {m}': digest(_instructions(m)) for m in needed}|(versions() if needed else {})
    for p in sorted((ROOT/'results').glob('*.csv')) if name in PAGES else read_only(name): found[f'results/{p.name}'] = digest(p.read_bytes())
    for p in sorted((ROOT/'nbs/studies').glob('*.ipynb')) if 'gallery' in name else (): found[p.name] = digest(p.read_bytes())
    return found

def record():
    try: return json.loads(RECORD.read_text(encoding='utf-8'))
    except FileNotFoundError: return {}

def stale(name): # Words; none if it is up to date
    "What is other than when a notebook was executed."
    then,now = record().get(name),fingerprint(name)
    return [what for what in {**then, **now} if then.get(what)!=now.get(what)] if then else ['no full run on record']

def remember(name, made_with):
    "Enter a notebook into the record, which appears whole or not at all."
    from clustering_nb.core import only_one, write_json
    with only_one(str(RECORD)): write_json(RECORD, {k: v for k,v in sorted((record()|{name: made_with}).items()) if (ROOT/k).is_file()})

def main(args=None):
    p = argparse.ArgumentParser(description=__doc__.split(':')[0])
    p.add_argument('notebooks', nargs='*', help="by default all studies and the pages that read their results")
    p.add_argument('--list', action='store_true', help="say which are stale and why, and run nothing")
    p.add_argument('--all', action='store_true', help="also those that are up to date")
    p.add_argument('--timeout', default=21600, type=int, help="seconds a cell may take")
    a = p.parse_args(args)
    os.environ['CLUSTERING_NB_FULL'],bad = '1',0
    chosen = [Path(n).resolve().relative_to(ROOT).as_posix() for n in a.notebooks] or notebooks()
    named = {*chosen}
    if not a.list and named-{*PAGES}: chosen += [p for p in PAGES if p not in chosen]
    for name in chosen:
        if a.list: print(f"{name}: {'stale ('+', '.join(stale(name))+')' if stale(name) else 'up to date'}"); continue
        if not (a.all and name in named) and not stale(name): print(f"{name}: up to date"); continue
        made_with = fingerprint(name)
        print(f"{name}: executing in full", flush=True)
        try: execute(ROOT/name, set(settings().get('tst_flags', '').split()), a.timeout)
        except (Refused, OSError, ValueError) as e:
            bad += 1
            print(f"{name}: not stored: {e}", file=sys.stderr)
        else: remember(name, fingerprint(name) if name in PAGES else made_with)
    return int(bad>0)

if __name__=='__main__': sys.exit(stopped(main, '; what they computed is kept, and the same command goes on'))
