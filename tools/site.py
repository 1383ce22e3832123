"""Render the website from `_quarto.yml` into `_site/`: with Quarto where it is installed, else with smalldocs.

The pages are built aside, checked, and only then take the place of the earlier site: every link leads somewhere, and nothing
is loaded from a network."""
import argparse
import html
import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from nbfilter import filtered  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
QUARTO_ONLY = ('ipynb-filters', 'execute') # Ours to do where smalldocs renders
KATEX = re.compile(r'https://cdn\.jsdelivr\.net/npm/katex@[\w.]+/dist/?')

# --- What to render

def notebooks(root, cfg):
    "The notebooks that become pages, sorted; names starting with `_` or `.` stay out."
    found = {p for pattern in cfg['project']['render'] for p in Path(root).glob(pattern)}
    return sorted(p.relative_to(root) for p in found if not p.name.startswith(('_', '.')))

def pruned(entries, pages):
    "Navigation without the entries that lead to no page."
    kept = []
    for e in entries:
        if isinstance(e, dict) and isinstance(e.get('contents'), list): e = e|{'contents': pruned(e['contents'], pages)}
        to = e if isinstance(e, str) else e.get('href') or e.get('contents')
        there = any(fnmatch(p, to) for p in pages) if isinstance(to, str) and '.ipynb' in to else bool(to)
        if there: kept.append(e)
    return kept

def stage(root, work, cfg, quarto):
    "Copy what is rendered to a folder of its own; for smalldocs, notebooks pass the filter here."
    shutil.rmtree(work, ignore_errors=True)
    pages = [p.as_posix() for p in notebooks(root, cfg)]
    if not pages: raise SystemExit(f"No notebook fits {', '.join(cfg['project']['render'])} of _quarto.yml, so there is no site to render.")
    for name in ('assets', 'tools'): shutil.copytree(root/name, work/name, ignore=shutil.ignore_patterns('__pycache__'))
    for page in pages:
        (work/page).parent.mkdir(parents=True, exist_ok=True)
        source = (root/page).read_text(encoding='utf-8')
        if not quarto: source = json.dumps(filtered(json.loads(source), '../'*page.count('/')), ensure_ascii=False)
        (work/page).write_text(source, encoding='utf-8')
    site = cfg['website']
    site['navbar']['left'] = pruned(site['navbar'].get('left', []), pages)
    site['sidebar']['contents'] = pruned(site['sidebar']['contents'], pages)
    if not quarto:
        for key in QUARTO_ONLY: cfg.pop(key, None)
        cfg['format']['html'].pop('html-math-method', None)
    (work/'_quarto.yml').write_text(yaml.safe_dump(cfg, sort_keys=False, allow_unicode=True), encoding='utf-8')
    return pages

# --- Rendering

def render_quarto(work):
    "Render by Quarto, with this Python for the filter; nothing is executed."
    if not shutil.which('quarto'): return ["Quarto is not installed; leave --renderer out to render by smalldocs"]
    done = subprocess.run(['quarto', 'render', str(work), '--no-execute'], env=os.environ|{'QUARTO_PYTHON': sys.executable})
    return [f"quarto render ended with {done.returncode}"] if done.returncode else []

def render_smalldocs(work):
    "Render by smalldocs; its warnings are printed, its broken links returned."
    from smalldocs.config import BuildError, ConfigError
    from smalldocs.site import build
    try: site = build(work, quiet=True)
    except (BuildError, ConfigError) as e: return [f"smalldocs: {e}"]
    broken = [f"{page}: broken link {href}" for page,href in site.broken]
    for w in site.warnings:
        if w not in broken: print(f"note: {w}", file=sys.stderr)
    return broken

# --- After rendering

def use_local_katex(out):
    "Point pages with maths to `assets/katex`; without it, say which pages need it."
    problems,local = [],(out/'assets/katex/katex.min.js').exists()
    for page in sorted(out.rglob('*.html')):
        text = page.read_text(encoding='utf-8')
        if not KATEX.search(text): continue
        maths = re.search(r'<span class="math[^>]*>(.*?)</span>', text, re.S)
        if local: page.write_text(KATEX.sub('../'*(len(page.relative_to(out).parts)-1)+'assets/katex/', text), encoding='utf-8')
        else: problems.append(f"{page.relative_to(out)}: maths ({html.unescape(maths[1])[:60] if maths else '$…$'}) needs KaTeX, and assets/katex/ has none."
                              " Put its `dist` folder there, say it in words, or write \\$ for a dollar.")
    return problems

def drop_web_fonts(out):
    "Themes import fonts from a network; the page's own font list takes over."
    for css in out.rglob('*.css'):
        text = css.read_text(encoding='utf-8')
        local = re.sub(r'@import\s+(url\(\s*["\']?https?:[^)]*\)|["\']https?:[^"\']*["\'])[^;]*;', '', text)
        if local!=text: css.write_text(local, encoding='utf-8')

def first_page(out, pages):
    "Make the root of the site lead to the home page, or to the first page while there is no home."
    home = next((p for p in pages if p.endswith('/index.ipynb')), pages[0])
    to = Path(home).with_suffix('.html').as_posix()
    if not (out/'index.html').exists():
        (out/'index.html').write_text(f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>clustering_nb</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url={to}"></head>'
                                      f'<body><a href="{to}">clustering_nb</a></body></html>\n', encoding='utf-8')

class Page(HTMLParser):
    "Anchors of a page, links that a reader may follow, and addresses that the browser loads by itself."
    def __init__(self, source):
        super().__init__()
        self.ids,self.links,self.loads,self.text,self.script,self._in = set(),[],[],[],[],[]
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        a = {k: v or '' for k,v in attrs}
        self.ids |= {a[k] for k in ('id', 'name') if k in a}
        if tag in ('script', 'style', 'code', 'pre'): self._in.append(tag)
        if tag=='a' and 'href' in a: self.links.append(a['href'])
        elif tag=='link' and 'href' in a and not set(a.get('rel', '').split())&{'canonical', 'next', 'prev', 'alternate', 'license', 'author'}: self.loads.append(a['href'])
        elif tag=='object' and 'data' in a: self.loads.append(a['data'])
        for k in ('src', 'poster'):
            if k in a: self.loads.append(a[k])
        self.loads += [part.split()[0] for part in a.get('srcset', '').split(',') if part.strip() and not part.strip().startswith('data:')]
        self.loads += addresses(a.get('style', ''))

    def handle_endtag(self, tag):
        if tag in self._in: del self._in[len(self._in)-1-self._in[::-1].index(tag):]

    def handle_data(self, data):
        if 'style' in self._in: self.loads += addresses(data)
        elif 'script' in self._in: self.script.append(data)
        elif not self._in: self.text.append(data)

def addresses(css):
    "What a stylesheet loads."
    return [m[1] or m[2] for m in re.finditer(r'url\(\s*["\']?([^"\')]+)|@import\s+["\']([^"\']+)', css)]

def outside(url): return url.startswith('//') or urlsplit(url).scheme in ('http', 'https', 'ws', 'wss', 'ftp')

def target(page, url, out):
    "File that a link of `page` means."
    path = unquote(urlsplit(url).path)
    to = out/path.lstrip('/') if path.startswith('/') else page.parent/path if path else page
    return Path(os.path.normpath(to/'index.html' if to.is_dir() else to))

def check_links(name, page, parsed, out):
    "Links and files of one page that lead nowhere."
    for url in [*parsed[page].links, *parsed[page].loads]:
        if outside(url) or urlsplit(url).scheme in ('mailto', 'data', 'javascript', 'about'): continue
        to,anchor = target(page, url, out),unquote(urlsplit(url).fragment)
        if not to.is_file(): yield f"{name}: broken link {url}"
        elif anchor and to in parsed and anchor not in parsed[to].ids and anchor!='top': yield f"{name}: no anchor #{anchor} in {to.relative_to(out).as_posix()}"

def check_network(name, loads, script):
    "What a page or stylesheet would load from a network."
    for url in loads:
        if outside(url): yield f"{name}: loads {url} from a network; keep a copy in assets/, or leave it out"
    for m in re.finditer(r'(?:import|from|fetch\(|importScripts\()\s*["\'](https?:[^"\']+)', script): yield f"{name}: a script loads {m[1]} from a network"

def check_text(name, text):
    "References and directives that no renderer resolved."
    for m in dict.fromkeys(re.findall(r'(?<![\w`])\??@(?:fig|tbl|sec|eq)-[\w-]+', text)): yield f"{name}: reference {m} was not resolved; link to the section instead"
    if '#|' in text: yield f"{name}: a directive (#|) shows"

def check(out):
    "Everything wrong with a rendered site, a line each."
    parsed = {p: Page(p.read_text(encoding='utf-8')) for p in sorted(out.rglob('*.html'))}
    problems = []
    for p,page in parsed.items():
        name = p.relative_to(out).as_posix()
        problems += [*check_links(name, p, parsed, out), *check_network(name, page.loads, ''.join(page.script)), *check_text(name, ''.join(page.text))]
    for p in sorted(out.rglob('*.css')): problems += check_network(p.relative_to(out).as_posix(), addresses(p.read_text(encoding='utf-8')), '')
    return list(dict.fromkeys(problems))

def build(root=ROOT, renderer=None):
    "Render and check; returns (folder, problems). The earlier site stays where there are problems."
    root = Path(root).resolve()
    work,quarto = root/'_proc',renderer=='quarto' or renderer is None and bool(shutil.which('quarto'))
    cfg = yaml.safe_load((root/'_quarto.yml').read_text(encoding='utf-8'))
    pages = stage(root, work, cfg, quarto)
    out,final = (base/cfg['project'].get('output-dir', '_site') for base in (work, root))
    problems = (render_quarto if quarto else render_smalldocs)(work)
    if not out.is_dir(): return out,problems or [f"Nothing was rendered into {out.name}/."]
    problems += use_local_katex(out)
    drop_web_fonts(out)
    first_page(out, pages)
    problems = list(dict.fromkeys(problems+check(out)))
    if problems: return out,problems
    if final.exists(): shutil.rmtree(final)
    shutil.move(out, final)
    shutil.rmtree(work)
    return final,[]

def main(args=None):
    p = argparse.ArgumentParser(description="Render the website into _site/ and check it.")
    p.add_argument('--root', default=ROOT, type=Path, help="the project, with _quarto.yml, nbs/, assets/ and tools/")
    p.add_argument('--renderer', choices=('quarto', 'smalldocs'), help="by default Quarto where it is installed")
    a = p.parse_args(args)
    out,problems = build(a.root, a.renderer)
    for line in problems: print(line, file=sys.stderr)
    where = os.path.relpath(out, a.root)
    if problems and out.is_dir(): print(f"Problems: {len(problems)}. The pages are in {where}/ to look at.", file=sys.stderr)
    if not problems: print(f"{len(list(out.rglob('*.html')))} pages in {where}/. To read them: python -m http.server -d {where}")
    return bool(problems)


if __name__=='__main__': sys.exit(main())
