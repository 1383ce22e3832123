"""All tests: every notebook and every file of tests in a process of its own. Ends with `N passed, N failed`.

`python tools/test.py [--only notebooks|pytest] [--jobs N] [NAME …]`, where names are those of notebooks and test files, such as
`50_clustering test_cli`: they run as they do among all."""
import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 900 # Seconds a notebook may take
ALONE = 'test_house.py' # It measures times, so nothing runs beside it

def environment(tmp):
    "One thread a process, since two processes share two cores; caches of results start empty."
    env = os.environ|{'OMP_NUM_THREADS': '1', 'CLUSTERING_NB_CACHE': f'{tmp}/cache', 'PYTHONPATH': str(ROOT)}
    env.setdefault('NUMBA_CACHE_DIR', str(Path(sys.prefix)/'numba'))
    return env

def alone(env, path): return env|{'CLUSTERING_NB_CACHE': f"{env['CLUSTERING_NB_CACHE']}/{path.stem}"} # What others have computed is not known

def notebooks():
    "All notebooks that are tested, the largest first."
    found = [p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(part.startswith(('_', '.')) for part in p.relative_to(ROOT).parts)]
    return sorted(found, key=lambda p: -p.stat().st_size)

def late(e):
    "What is known of a process that was ended."
    said = e.stdout or ''
    return f"{said if isinstance(said, str) else said.decode(errors='replace')}\nwas ended after {e.timeout} s"

def ends(text, first=2000, last=5000):
    "A long text without its middle: a traceback begins with the cell, and ends with the error."
    return text if len(text)<=first+last else f'{text[:first]}\n…\n{text[-last:]}'

def test_notebook(path, env):
    "As from `test_file`."
    t = time.time()
    try: r = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--path', path, '--n_workers', '0'], cwd=ROOT, env=alone(env, path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as e: return path,time.time()-t,0,1,0,late(e)
    bad = int(r.returncode!=0 or 'Success.' not in r.stdout) # nbdev is content with a notebook that it leaves out
    return path,time.time()-t,1-bad,bad,0,r.stdout or f'ended with status {r.returncode} and no word'

def test_files():
    "All files of tests, the longest first."
    return sorted((ROOT/'tests').glob('test_*.py'), key=lambda p: (p.name!=ALONE, -p.stat().st_size))

def test_file(path, env, tmp):
    "Path, seconds, how many passed, failed and were skipped, and what it printed."
    report,t = Path(tmp)/f'{path.stem}.xml',time.time()
    try: r = subprocess.run([sys.executable, '-m', 'pytest', path, '-q', '-rs', '--durations=3', '-p', 'no:cacheprovider', f'--junitxml={report}'], cwd=ROOT, env=alone(env, path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2*TIMEOUT)
    except subprocess.TimeoutExpired as e: return path,time.time()-t,0,1,0,late(e)
    if not report.exists(): return path,time.time()-t,0,1,0,r.stdout
    found = next(ET.parse(report).getroot().iter('testsuite'))
    failed,skipped = int(found.get('failures'))+int(found.get('errors')),int(found.get('skipped'))
    if r.returncode and not failed: failed = 1 # It fell over at the end, or held no test
    return path,time.time()-t,max(int(found.get('tests'))-failed-skipped, 0),failed,skipped,r.stdout

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('names', nargs='*', help="of notebooks and test files, without what comes after the dot; by default all")
    p.add_argument('--only', choices=('notebooks', 'pytest'))
    p.add_argument('--jobs', type=int, default=min(os.cpu_count() or 1, 4))
    args = p.parse_args()
    if signal.getsignal(signal.SIGINT)==signal.SIG_IGN: signal.signal(signal.SIGINT, signal.default_int_handler) # A background job of a shell ignores Ctrl-C, and so would what tests send it to
    files,books = (() if args.only==other else [p for p in found() if not args.names or p.stem in args.names] for other,found in (('notebooks', test_files), ('pytest', notebooks)))
    if unknown := sorted({*args.names}-{p.stem for p in [*files, *books]}): p.error(f"there is no test file or notebook {', '.join(unknown)}; names are such as 50_clustering and test_cli")
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as tmp, ThreadPoolExecutor(args.jobs) as pool:
        env = environment(tmp)
        try:
            todo = [pool.submit(test_file, f, env, tmp) for f in files if f.name==ALONE]
            for first in todo: first.result()
            todo += [pool.submit(test_file, f, env, tmp) for f in files if f.name!=ALONE]
            todo += [pool.submit(test_notebook, p, env) for p in books]
            for done in as_completed(todo):
                path,seconds,good,bad,left,said = done.result()
                print(f"{'FAILED' if bad else 'passed'} {path.relative_to(ROOT)} {seconds:.0f} s"+(f': {good} passed, {bad} failed, {left} skipped' if path.suffix=='.py' else ''), flush=True)
                if bad: print(ends(said), flush=True)
                elif path.suffix=='.py': print('\n'.join(l for l in said.splitlines() if l.startswith('SKIPPED') or 's call' in l or 's setup' in l), flush=True)
                passed,failed,skipped = passed+good,failed+bad,skipped+left
        except KeyboardInterrupt: # The processes have heard it, too; what has not begun does not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    print(f'{passed} passed, {failed} failed'+(f', {skipped} skipped' if skipped else ''))
    return int(failed>0 or passed==0)

if __name__=='__main__':
    try: sys.exit(main())
    except KeyboardInterrupt:
        print('\nInterrupted.', file=sys.stderr)
        sys.exit(130)
