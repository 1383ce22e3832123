"""Execute notebooks and store their outputs: `python tools/execute.py nbs/00_core.ipynb …`

Cells that `nbdev_test` skips are skipped here too, and keep no output. What is stored is clean (as by `nbdev_clean`) and the
same in every run; a notebook with an error, a path of this machine or too large outputs is named, and stays as it was."""
import argparse
import asyncio
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import nbformat
from execnb.nbio import write_nb
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbdev.clean import clean_nb
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent))
from environment import ROOT, settings  # noqa: E402

LIMIT = 400_000 # Bytes of stored outputs in a notebook
ENV = dict(PLOTLY_RENDERER='plotly_mimetype', CLUSTERING_NB_PROGRESS='0', PYTHONHASHSEED='0', PYTHONWARNINGS='ignore:IProgress not found', TF_CPP_MIN_LOG_LEVEL='3') # tqdm misses widgets, TensorFlow graphics cards


class Refused(Exception): "What is wrong with the outputs of a notebook, in words."

def skipped(source, flags):
    "Is this a cell that is not to run: exports, `eval: false`, or a flag?"
    if 'nbdev_export(' in source: return True
    top = re.match(r'(\s*#\s*\|.*(\n|$)|\s*\n)*', source)[0]
    said = [line.split('|', 1)[1].strip() for line in top.splitlines() if '|' in line]
    return any(re.match(r'eval:\s*false\b', d, re.I) or d and d.split()[0].rstrip(':') in flags for d in said)

class Client(NotebookClient):
    "Runs all cells but those that carry a flag."
    flags,bar,ending = (),None,None

    async def async_execute_cell(self, cell, cell_index, **kw):
        if cell.cell_type=='code' and skipped(cell.source, self.flags):
            cell.outputs = []
            self.bar.update()
            return cell
        if title := cell.cell_type=='markdown' and re.search(r'^#+ (.*)', cell.source, re.M): self.bar.set_postfix_str(title[1])
        try: return await super().async_execute_cell(cell, cell_index, **kw)
        finally: self.bar.update()

    async def async_start_new_kernel(self, **kw):
        "As it is, but Ctrl-C ends the kernel, and with it the run: nbclient itself would stumble over what it has cleaned up already."
        def end(): self.ending = self.ending or asyncio.ensure_future(self.km.shutdown_kernel(now=True))
        with suppress(NotImplementedError, RuntimeError): # No signals on this system, or not here
            for s in (signal.SIGINT, signal.SIGTERM): asyncio.get_running_loop().add_signal_handler(s, end)
        await super().async_start_new_kernel(**kw)

def environment(more):
    "Variables of the kernel: the library from this checkout, quiet, the same in every run, and `more`."
    keep = {k: v for k,v in os.environ.items() if k not in ('IN_TEST', 'PLOTLY_RENDERER')}
    return keep|ENV|{'PYTHONPATH': os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))}|more

def run(nb, folder, flags, timeout, more):
    "Execute in place; an error is told with its cell."
    client = Client(nb, timeout=timeout, kernel_name='python3', record_timing=False, coalesce_streams=True, resources={'metadata': {'path': str(folder)}})
    client.flags = flags
    with tempfile.TemporaryDirectory(prefix='nb') as sockets:
        if os.name=='posix': # Sockets in a folder of our own instead of ports that others on the machine could read
            kernel = client.create_kernel_manager()
            kernel.transport,kernel.ip = 'ipc',f'{sockets}/k'
        client.bar = tqdm(total=len(nb.cells), unit='cell', leave=False, disable=not sys.stderr.isatty())
        try: client.execute(env=environment(more))
        except CellTimeoutError as e: raise Refused(f"a cell ran for more than {timeout} s; give it a flag, or more by --timeout") from e
        except (CellExecutionError, DeadKernelError, RuntimeError) as e:
            if client.ending or getattr(e, 'ename', '')=='KeyboardInterrupt': raise KeyboardInterrupt from None # Or the kernel itself was interrupted
            if isinstance(e, CellExecutionError): raise Refused(f"{failed(nb)}: {e.ename}: {e.evalue}") from e
            raise Refused(f"the kernel died or never answered ({e}); was it out of memory?") from e
        finally: client.bar.close()

def named(nb, i):
    "A cell as a reader finds it: its number as nbdev counts, from 1, its id, and how its code begins."
    cell = nb['cells'][i]
    begins = next((line for line in ''.join(cell['source']).splitlines() if line.strip() and not line.startswith('#|')), '')
    return f"cell {i+1} ({cell.get('id', 'no id')}: {begins[:60]})"

def failed(nb): return next((named(nb, i) for i,c in enumerate(nb.cells) if any(o.output_type=='error' for o in c.get('outputs', []))), 'some cell')

def chatter(output):
    "Is this what TensorFlow's compiled part says while it starts, with the time of day?"
    if output['output_type']!='stream' or output.get('name')!='stderr': return False
    text = output['text']
    lines = (text if isinstance(text, str) else ''.join(text)).splitlines()
    return all(re.match(r'WARNING: All log messages before absl|[IWE]\d{4} \d|\s*$', line) for line in lines)

def cleaned(path, nb):
    "The notebook of the file with the outputs of `nb`, as `nbdev_clean` leaves it; random ids of styled tables are numbered instead."
    cfg = settings()
    plain,ran = json.loads(path.read_text(encoding='utf-8')),json.loads(nbformat.writes(nb))
    written,done = ([(c['cell_type'], ''.join(c['source'])) for c in x['cells']] for x in (plain, ran))
    if written!=done: raise Refused("the notebook was edited while it ran; run it again")
    for i,(cell,done) in enumerate(zip(plain['cells'], ran['cells'])):
        if cell['cell_type']=='code': cell['outputs'] = [o for o in done['outputs'] if not chatter(o)]
        for j,o in enumerate(cell.get('outputs', [])):
            if 'text/html' in o.get('data', {}): o['data']['text/html'] = stable_ids(o['data']['text/html'], f'{i}_{j}')
    clean_nb(plain, allowed_metadata_keys=cfg.get('allowed_metadata_keys', '').split(), allowed_cell_metadata_keys=cfg.get('allowed_cell_metadata_keys', '').split(),
             clean_ids=cfg.getboolean('clean_ids', True))
    if any(c.get('outputs') for c in plain['cells']): plain['metadata']['executed'] = made_of(plain)
    else: plain['metadata'].pop('executed', None)
    return plain

def sources(nb):
    "The code of each cell."
    return [''.join(c['source']) for c in nb['cells'] if c['cell_type']=='code']

def made_of(nb):
    "A digest of what outputs come from: the code of all cells, and the tables of results that they name."
    code = sources(nb)
    named = sorted(set(re.findall(r'\b[a-z0-9_]+\.csv\b', '\n'.join(code))))
    found = {n: hashlib.sha256((ROOT/'results'/n).read_bytes()).hexdigest() for n in named if (ROOT/'results'/n).is_file()}
    return hashlib.sha256(json.dumps([code, found]).encode()).hexdigest()[:12]

def stable_ids(lines, at):
    "pandas' Styler names its tables at random: `T_3f9c1` becomes `T_` and the place in the notebook."
    html = ''.join(lines)
    for k,uid in enumerate(dict.fromkeys(re.findall(r'id="T_([0-9a-f]{5,32})"', html))): html = html.replace(f'T_{uid}', f'T_{at}_{k}')
    return html.splitlines(True)

def machine_paths():
    "Folders that tell whose machine this is, longest first."
    venv = [sys.prefix] if sys.prefix!=sys.base_prefix else []
    found = {str(p) for q in (Path.home(), Path.cwd(), ROOT, Path(tempfile.gettempdir()), *map(Path, venv)) for p in (q, q.resolve())}
    return sorted(found-{'/', '.'}, key=len, reverse=True)

def texts(x):
    "All text in an output; pictures and packed arrays are none."
    if isinstance(x, str): yield x
    elif isinstance(x, list):
        if all(isinstance(v, str) for v in x): yield ''.join(x)
        else: yield from (t for v in x for t in texts(v))
    elif isinstance(x, dict): yield from (t for k,v in x.items() if k!='bdata' and not k.startswith('image/') or k=='image/svg+xml' for t in texts(v))

def check(nb, paths):
    "Refuse outputs that must not be stored; the message names the cell."
    problems,sizes = [],{}
    for i,cell in enumerate(nb['cells']):
        outputs = cell.get('outputs', [])
        sizes[i] = len(json.dumps(outputs, ensure_ascii=False).encode()) if outputs else 0
        if any(o['output_type']=='error' for o in outputs): problems.append(f"{named(nb, i)}: an error is stored")
        told = next((m for t in texts(outputs) for p in paths if (m := re.search(rf'(?<![\w.-]){re.escape(p)}(?![\w-])[^\s"\'<>]*', t))), None)
        if told: problems.append(f"{named(nb, i)}: the output holds {told[0]!r}, a path of this machine; print the name instead")
    if sum(sizes.values())>LIMIT:
        big = ', '.join(f'{named(nb, i)} {sizes[i]/1e3:.0f} kB' for i in sorted(sizes, key=sizes.get, reverse=True)[:3])
        problems.append(f"{sum(sizes.values())/1e3:.0f} kB of outputs are more than {LIMIT/1e3:.0f}: {big}; draw fewer points, or as float32")
    if problems: raise Refused('; '.join(problems))

def store(nb, path):
    "Write aside, then rename."
    tmp = path.with_name(f'.{path.stem}.{secrets.token_hex(4)}.ipynb')
    try:
        write_nb(nb, tmp)
        os.replace(tmp, path)
    finally: tmp.unlink(missing_ok=True)

def execute(path, flags, timeout=1800, more={}):
    "Execute one notebook, with `more` environment variables, and store its outputs, or raise `Refused`."
    nb = nbformat.read(path, 4)
    if nb.cells and re.match(r'---\n(.*\n)*?skip_exec:\s*true', nb.cells[0].source): return
    for cell in nb.cells:
        if cell.cell_type=='code': cell.outputs = []
    run(nb, path.parent, flags, timeout, more)
    nb = cleaned(path, nb)
    check(nb, machine_paths())
    store(nb, path)

def main(args=None):
    p = argparse.ArgumentParser(description="Execute notebooks in place and store their outputs.")
    p.add_argument('notebooks', nargs='+', type=Path)
    p.add_argument('--flags', default='', help="flags of settings.ini (tst_flags) to run all the same, e.g. slow")
    p.add_argument('--timeout', default=1800, type=int, help="seconds a cell may take")
    a = p.parse_args(args)
    flags = set(settings().get('tst_flags', '').split())-set(a.flags.split())
    bad = 0
    for path in a.notebooks:
        begun = time.time()
        try:
            with tempfile.TemporaryDirectory(prefix='cache') as cache: # As under test: nothing known from before, and sums that don't depend on the number of cores
                execute(path.resolve(), flags, a.timeout, {'OMP_NUM_THREADS': '1', 'CLUSTERING_NB_CACHE': cache})
        except (Refused, OSError, ValueError) as e:
            bad += 1
            print(f"{path}: not stored: {e}", file=sys.stderr)
        else: print(f"{path}: {time.time()-begun:.1f} s")
    return bool(bad)

def stopped(main, more=''):
    "Run a command; Ctrl-C ends it in words, `more` of them if the command has more to say."
    try: return main()
    except KeyboardInterrupt:
        print(f"\nInterrupted. Notebooks that were not finished are as they were{more}.", file=sys.stderr)
        return 130

if __name__=='__main__': sys.exit(stopped(main))
