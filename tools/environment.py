"""Set up the environment of this project, or bring it up to date: `python3 tools/environment.py light|site|full`

Needs nothing but Python. A stamp in the environment says what it was made from, so a second call returns at once;
what changed since (requirements, Python, the folder) decides whether it is updated or made anew."""
import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = {'light': ('.', "the light way: a minute or two"), 'site': ('.[site]', "what renders the site: a minute or two"), 'full': ('.[all,dev]', "with everything: 8 GB, some minutes")} # Each has all that those before it have

def settings():
    "The project's settings.ini."
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    return cfg['DEFAULT']

def fits(last=''):
    "Refuse a Python that the project, or this tool up to `last`, doesn't run on."
    first,last = settings()['min_python'],last or settings()['max_python']
    numbers = lambda version: [int(n) for n in version.split('.')]
    if not numbers(first)<=[*sys.version_info[:2]]<=numbers(last):
        sys.exit(f"This needs Python {first} to {last}, and was called with {sys.version.split()[0]}. Name another one: make … PYTHON=python{last}")

def wanted(kind, venv):
    "What the environment shall be made from."
    needs = {k: v for k,v in settings().items() if k.endswith(('requirements', 'scripts'))}
    return {'kind': kind, 'python': list(sys.version_info[:2]), 'venv': str(venv), 'project': str(ROOT),
            'requirements': hashlib.sha256(json.dumps(needs, sort_keys=True).encode()).hexdigest()}

def read_stamp(venv):
    "What it was made from; empty if it was not, or not to the end."
    try: return json.loads((venv/'stamp.json').read_text())
    except (OSError, ValueError): return {}

def pip(venv, *words):
    "Run the environment's pip."
    subprocess.run([venv/'bin/python', '-m', 'pip', 'install', '--disable-pip-version-check', '-q', *words], cwd=ROOT, check=True)

def setup(kind, venv):
    "Make `venv` what `kind` asks for; nothing is removed but an environment that was made here."
    want,have = wanted(kind, venv),read_stamp(venv)
    done,ours = have.pop('done', False),have.pop('made_here', not venv.exists() or not any(venv.iterdir()))
    if done and have.get('kind') in KINDS: want['kind'] = max(kind, have['kind'], key=[*KINDS].index)
    if done and have==want: return
    if have and any(have.get(k)!=want[k] for k in ('python', 'venv')):
        if not ours: sys.exit(f"{venv} is of another Python, or was moved, and was not made here, so it is left alone. Name another one for the environment: make … VENV=NAME")
        shutil.rmtree(venv)
    elif venv.exists() and not have and any(venv.iterdir()) and not (venv/'pyvenv.cfg').exists():
        sys.exit(f"{venv} is a folder with other things in it. Name another one for the environment: make … VENV=NAME")
    moved_only = done and venv.exists() and {**have, 'project': ''}=={**want, 'project': ''}
    if not (venv/'bin/pip').exists(): subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    (venv/'stamp.json').write_text(json.dumps(want|{'made_here': ours})) # Not done yet
    if moved_only: pip(venv, '--no-deps', '--no-build-isolation', '-e', '.')
    else:
        what,words = KINDS[want['kind']]
        print(f'Installing into {venv.name} {words}', flush=True)
        pip(venv, 'setuptools', 'wheel')
        pip(venv, '--no-build-isolation', '-e', what)
    (venv/'stamp.json').write_text(json.dumps(want|{'made_here': ours, 'done': True}))

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('kind', choices=KINDS)
    p.add_argument('--venv', default='.venv', type=Path)
    args = p.parse_args()
    fits()
    try: setup(args.kind, (ROOT/args.venv).resolve())
    except subprocess.CalledProcessError as e: sys.exit(f"Setting up {args.venv} failed with status {e.returncode}; see above. Run it again once that is mended: it goes on from there.")

if __name__=='__main__': main()
