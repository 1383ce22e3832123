"""Tests with the lowest versions that settings.ini allows, in an environment of its own: `python tools/lowest.py [--venv .venv-lowest]`

Every bound `name>=version` of the base and of all extras is taken as `name==version`; the development tools, and what all these need
themselves, are left to pip. Then the library notebooks run, and the tests that depend most on other libraries. Some of the lowest versions
are not there for the newest Python, so that this wants one up to 3.12."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from environment import ROOT, fits, read_stamp, settings  # noqa: E402

LAST = '3.12' # TensorFlow 2.18 and numpy 2.0 have no wheels for later ones
EXTRAS = 'photos','keras','parquet','scale'
TESTS = 'tests/test_estimators.py','tests/test_study.py','tests/test_strangers.py','tests/test_networks.py','tests/test_keras.py','tests/test_import_order.py'

def lowest(config):
    "Requirements at their lowest: a list of `name==version`."
    needs = [r for key in ('requirements', *(f'{e}_requirements' for e in EXTRAS)) for r in config[key].split()]
    return list(dict.fromkeys(re.sub(r'>=([^,]+).*', r'==\1', r) for r in needs))

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--venv', default='.venv-lowest', type=Path)
    p.add_argument('--list', action='store_true', help="print the versions, and do nothing")
    p.add_argument('--only', nargs='*', help="names of test files and notebooks, without what comes after the dot")
    a = p.parse_args()
    config = settings()
    wanted,tools,venv = lowest(config),config['dev_requirements'].split(),(ROOT/a.venv).resolve()
    if a.list: print('\n'.join(wanted)); return 0
    fits(LAST)
    python,stamp = venv/'bin/python',{'python': list(sys.version_info[:2])}
    if read_stamp(venv) not in ({}, stamp): shutil.rmtree(venv) # Made by another Python
    if not (venv/'bin/pip').exists(): subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    (venv/'stamp.json').write_text(json.dumps(stamp))
    pip = [python, '-m', 'pip', 'install', '--disable-pip-version-check', '-q']
    print(f'Installing into {venv.name} the lowest versions of everything: 8 GB, some minutes', flush=True)
    try:
        subprocess.run([*pip, 'setuptools<80', 'wheel'], check=True)
        subprocess.run([*pip, *wanted, *tools], check=True)
        subprocess.run([*pip, '--no-deps', '--no-build-isolation', '-e', ROOT], check=True)
    except subprocess.CalledProcessError as e: sys.exit(f"Installing ended with status {e.returncode}; see above. A lowest version that is not there for Python {sys.version.split()[0]} is to be raised in settings.ini.")
    cache = tempfile.TemporaryDirectory()
    env = os.environ|{'NUMBA_CACHE_DIR': str(venv/'numba'), 'OMP_NUM_THREADS': '1', 'CLUSTERING_NB_PROGRESS': '0', 'CLUSTERING_NB_CACHE': cache.name}
    chosen = lambda path: not a.only or Path(path).stem in a.only
    failed = [t for t in TESTS if chosen(t) and subprocess.run([python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', t], cwd=ROOT, env=env).returncode]
    for path in sorted((ROOT/'nbs').glob('[0-9]*.ipynb')):
        if not chosen(path): continue
        said = subprocess.run([venv/'bin/nbdev_test', '--path', path, '--n_workers', '0'], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if said.returncode or 'Success.' not in said.stdout: failed.append(path.name); print(said.stdout[-5000:])
    print('\n'.join(f'failed: {f}' for f in failed) or 'All passed.')
    return int(bool(failed))

if __name__=='__main__': sys.exit(main())
