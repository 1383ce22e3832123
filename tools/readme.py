"""README.md from the site's home, nbs/index.ipynb, with its stored outputs: `python tools/readme.py [--check]`

Prose as it is, shown code as code, text and tables as they are; figures are for the site alone. Links lead from the top of the repository."""
import argparse
import json
import os
import posixpath
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from nbfilter import HIDDEN, directives, fence, text  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
HOME = 'nbs/index.ipynb'

def moved(markdown, folder):
    "Relative links of a page in `folder` as seen from the top; the name of a file at the top becomes a link."
    def link(m): return m[0] if re.match(r'[a-z]+:|#|/', m[2]) else f'{m[1]}({posixpath.normpath(posixpath.join(folder, m[2]))})'
    parts = re.split(r'(^```.*?^```\n?)', markdown, flags=re.S|re.M) # Code stays
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r'(\[[^\]]*\])\(([^)\s]+)\)', link, parts[i])
        parts[i] = re.sub(r'`([\w./-]+\.(?:md|csv|cff))`', lambda m: f'[{m[1]}]({m[1]})' if (ROOT/m[1]).is_file() else m[0], parts[i])
    return ''.join(parts)

def shown(output):
    "An output as Markdown; nothing for figures."
    data = output.get('data', {})
    if 'text/markdown' in data: return text(data['text/markdown'])
    if any(k not in ('text/plain',) for k in data) or output['output_type'] not in ('execute_result', 'display_data', 'stream'): return ''
    return fence((text(data.get('text/plain')) or text(output.get('text'))).rstrip(), '')

def blocks(nb):
    "The parts of the page, in order."
    for cell in nb['cells']:
        if cell['cell_type']=='markdown': yield text(cell['source'])
        if cell['cell_type']!='code': continue
        bare,_,source = directives(text(cell['source']))
        found = [s for o in cell['outputs'] if (s := shown(o))]
        if bare&HIDDEN: continue
        if 'hide_input' not in bare: yield fence(source, 'python')
        yield from found

def readme(path=ROOT/HOME):
    "The text of the README."
    parts = [p.strip() for p in blocks(json.loads(Path(path).read_text(encoding='utf-8')))]
    return moved('\n\n'.join(filter(None, parts))+'\n', posixpath.dirname(HOME))

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--check', action='store_true', help="say whether README.md is up to date, and write nothing")
    args = p.parse_args()
    made,path = readme(),ROOT/'README.md'
    if args.check: return int(not path.is_file() or path.read_text(encoding='utf-8')!=made)
    aside = path.with_suffix('.md.part')
    aside.write_text(made, encoding='utf-8')
    os.replace(aside, path)

if __name__=='__main__': sys.exit(main())
