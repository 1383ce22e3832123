"""All tests: every notebook in a process of its own, then pytest. Ends with `N passed, N failed`.

`python tools/test.py [--only notebooks|pytest] [--jobs N]`"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 900 # Seconds a notebook may take

def environment(tmp):
    "One thread a process, since two processes share two cores; caches of results start empty."
    env = os.environ|{'OMP_NUM_THREADS': '1', 'CLUSTERING_NB_CACHE': f'{tmp}/cache', 'PYTHONPATH': str(ROOT)}
    env.setdefault('NUMBA_CACHE_DIR', str(Path(sys.prefix)/'numba'))
    return env

def notebooks():
    "All notebooks that are tested, the largest first."
    found = [p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(part.startswith(('_', '.')) for part in p.relative_to(ROOT).parts)]
    return sorted(found, key=lambda p: -p.stat().st_size)

def test_notebook(path, env):
    "Path, seconds, and what it printed if it failed."
    t = time.time()
    try: r = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', path, '--n_workers', '0'], cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired: return path,time.time()-t,f'took more than {TIMEOUT} s'
    return path,time.time()-t,'' if r.returncode==0 else r.stdout+r.stderr or f'ended with status {r.returncode} and no word'

def test_notebooks(env, jobs):
    "How many passed and failed."
    failed,found = 0,notebooks()
    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(test_notebook, p, env) for p in found]):
            path,seconds,problem = done.result()
            print(f"{'FAILED' if problem else 'passed'} {path.relative_to(ROOT)} {seconds:.0f} s", flush=True)
            if problem: print(problem[-6000:], flush=True)
            failed += bool(problem)
    return len(found)-failed,failed

def test_pytest(env, tmp):
    "How many passed, failed and were skipped."
    report = Path(tmp)/'pytest.xml'
    subprocess.run([sys.executable, '-m', 'pytest', 'tests', '-q', '-rs', '--durations=8', f'--junitxml={report}'], cwd=ROOT, env=env)
    if not report.exists(): return 0,1,0
    found = next(ET.parse(report).getroot().iter('testsuite'))
    failed,skipped = int(found.get('failures'))+int(found.get('errors')),int(found.get('skipped'))
    return int(found.get('tests'))-failed-skipped,failed,skipped

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--only', choices=('notebooks', 'pytest'))
    p.add_argument('--jobs', type=int, default=min(os.cpu_count() or 1, 4))
    args = p.parse_args()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as tmp:
        env = environment(tmp)
        if args.only!='pytest': passed,failed = test_notebooks(env, args.jobs)
        if args.only!='notebooks':
            more = test_pytest(env, tmp)
            passed,failed,skipped = passed+more[0],failed+more[1],more[2]
    print(f'{passed} passed, {failed} failed'+(f', {skipped} skipped' if skipped else ''))
    return int(failed>0 or passed==0)

if __name__=='__main__': sys.exit(main())
