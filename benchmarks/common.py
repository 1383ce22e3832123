"What the benchmarks share: processes of their own whose time and memory are measured, and tables that keep what was measured before."
import datetime
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = str(Path(sys.executable).with_name('clustering-nb'))

class Failed(SystemExit): "What a measured process said last; nobody catches it, and the benchmark ends with these words."

def held(process):
    "Bytes that a process and its children hold together. On Linux pages that they share count once; elsewhere once each, so it is an upper bound."
    total = 0
    for p in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error): # It has ended, or is not ours to look at
            try: total += p.memory_full_info().pss
            except (AttributeError, psutil.AccessDenied): total += p.memory_info().rss
    return total

def child(command, env=None, every=.2):
    "Run a command from the top of the repository: seconds, the largest memory in MB that it and its children held together, and what it printed. Raises `Failed`."
    begun,most = time.monotonic(),[0]
    p = subprocess.Popen([*map(str, command)], cwd=ROOT, env=os.environ|{'CLUSTERING_NB_PROGRESS': '0', **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    def watch():
        top = psutil.Process(p.pid)
        while p.poll() is None:
            try: most.append(held(top))
            except psutil.Error: pass
            time.sleep(every)
    threading.Thread(target=watch, daemon=True).start()
    try: out,err = p.communicate()
    except BaseException: # Ctrl-C: nothing stays behind
        p.kill()
        raise
    if p.returncode: raise Failed((out+err).strip()[-3000:] or f'ended with status {p.returncode} and no word')
    return time.monotonic()-begun,max(most)/2**20,out

def made_by():
    "When, on how many cores and by which code something is measured."
    from clustering_nb.core import code_fingerprint
    return {'date': datetime.date.today().isoformat(), 'cores': os.cpu_count(), 'code': code_fingerprint()[:8]}

def keep(path, rows, by):
    "Put rows into a table, in place of older ones that are equal in the columns `by`; an error takes no measurement's place. The table appears whole or not at all."
    from clustering_nb.core import write_text
    key = lambda table: table[by].astype(str).agg('|'.join, axis=1)
    table = pd.DataFrame([row|made_by() for row in rows])
    if Path(path).exists():
        old = pd.read_csv(path, keep_default_na=False)
        if 'error' in table:
            known = key(old)[old['error'].eq('') if 'error' in old else slice(None)]
            table = table[table['error'].isna()|~key(table).isin(known)]
        table = pd.concat([old[~key(old).isin(key(table))], table]) if len(table) else old
    write_text(Path(path), table.to_csv(index=False, lineterminator='\n'))

def chosen(words, known, what, parser):
    "Names joined by commas, each of them known; else the command ends in words."
    names = [n.strip() for n in words.split(',') if n.strip()]
    if odd := [n for n in names if n not in known]: parser.error(f"{what} {', '.join(map(repr, odd))}: there is none of that name. There are: {', '.join(known)}.")
    return names
