"""What a notebook shows on the website: a Quarto `ipynb-filters` script, notebook on stdin, notebook on stdout.

Hidden cells go, exported code is folded under the documentation made from its docments, and stored figures become HTML that
needs no network. Only the standard library, since Quarto runs it with whatever Python it finds."""
import ast
import html
import io
import json
import os
import re
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLOTLY = 'application/vnd.plotly.v1+json'
HIDDEN = {'hide', 'default_exp'}
EXPORTED = {'export', 'exports', 'exporti'}
AS_IT_IS = 'data-quarto-disable-processing="true"' # Quarto would make its own table of an HTML one
SHOWN_AS = {'hide_input': 'echo: false', 'hide_output': 'output: false'}

# --- Cells and their directives

def text(x):
    "Source or output as one string: notebooks store a string or a list of lines."
    return x if isinstance(x, str) else ''.join(x or [])

def directives(source):
    "Split a code cell into nbdev's bare directives, Quarto's options, and code without either."
    bare,options,code = set(),[],source.splitlines(True)
    while code and (m := re.match(r'\s*#\s*\|\s?(.*?)\s*$|\s*$', code[0])):
        line = m[1] or ''
        if re.match(r'[\w-]+:(\s|$)|\s|- ', line): options.append(line)
        elif line: bare.add(line.split()[0])
        del code[0]
    kept = [l for l in code if not re.search(r'#\s*\|\s*hide_line\b', l)]
    return bare,[o for o in options if not o.startswith('eval:')],''.join(kept).rstrip()

def fence(content, lang):
    "A fenced block that its content can't close."
    ticks = '`'*max(3, 1+max(map(len, re.findall('`+', content)), default=0))
    return f'{ticks}{lang}\n{content}\n{ticks}\n'

# --- Documentation from docments

def comments(code):
    "The comment of each line that has one, and the lines that hold nothing else."
    found,alone = {},set()
    for t in tokenize.generate_tokens(io.StringIO(code).readline):
        if t.type!=tokenize.COMMENT: continue
        found[t.start[0]] = t.string.lstrip('#').strip()
        if not t.line[:t.start[1]].strip(): alone.add(t.start[0])
    return found,alone

def said(first, last, notes):
    "The comment on the last line of a parameter or field, or those on lines of their own above its first."
    found,alone = notes
    if last in found: return found[last]
    top = first
    while top-1 in alone: top -= 1
    return ' '.join(found[i] for i in range(top, first))

def colon_line(node, code):
    "Line of the colon that ends the signature of a function."
    depth,started = 0,False
    for t in tokenize.generate_tokens(io.StringIO(code).readline):
        if t.start<(node.lineno, node.col_offset): continue
        started = started or t.string=='def'
        if t.type==tokenize.OP: depth += (t.string in '([{')-(t.string in ')]}')
        if started and depth==0 and t.string==':': return t.start[0]

def arguments(f):
    "Parameters in order: name with its stars, annotation, default (or None), node."
    a = f.args
    plain = [*a.posonlyargs, *a.args]
    defaults = [None]*(len(plain)-len(a.defaults))+a.defaults
    rows = [(x.arg, x, d) for x,d in zip(plain, defaults)]
    if a.vararg: rows.append(('*'+a.vararg.arg, a.vararg, None))
    elif a.kwonlyargs: rows.append(('*', None, None))
    rows += [(x.arg, x, d) for x,d in zip(a.kwonlyargs, a.kw_defaults)]
    if a.kwarg: rows.append(('**'+a.kwarg.arg, a.kwarg, None))
    return rows

def parameters(f, code, notes, method=False):
    "Rows (name, annotation, default, meaning) of a function; `self` is left out."
    colon,rows,args = colon_line(f, code),[],arguments(f)[int(method):]
    starts = [x.lineno for _,x,_ in args if x][1:]+[colon]
    for name,x,default in args:
        if x is None: rows.append((name, None, None, '')); continue
        last,after = (default or x).end_lineno,starts.pop(0)
        rows.append((name, unparsed(x.annotation), unparsed(default), said(x.lineno, last, notes) if last!=after else ''))
    return rows

def field_default(node):
    "Default of a dataclass field; `field(default_factory=dict)` reads `dict()`."
    given = {k.arg: unparsed(k.value) for k in node.keywords} if isinstance(node, ast.Call) and unparsed(node.func).endswith('field') else None
    if given is None: return unparsed(node)
    return given.get('default') or (f"{given['default_factory']}()" if 'default_factory' in given else None)

def fields(cls, notes):
    "Rows of a dataclass, from its annotated fields."
    return [(n.target.id, unparsed(n.annotation), field_default(n.value), said(n.lineno, n.end_lineno, notes)) for n in cls.body if isinstance(n, ast.AnnAssign)]

def unparsed(node): return None if node is None else ast.unparse(node)

def returned(f, code, notes):
    "Annotation and meaning of what a function returns."
    line = colon_line(f, code)
    return unparsed(f.returns),'' if f.body[0].lineno==line else notes[0].get(line, '')

def decorators(node):
    "Decorators as (name, call or None)."
    return [(ast.unparse(d.func if isinstance(d, ast.Call) else d), d if isinstance(d, ast.Call) else None) for d in node.decorator_list]

def owner(f):
    "Class that a decorated function becomes a method of, and whether as a property; (None, False) for a function of its own."
    for name,call in decorators(f):
        if name=='patch_to' and call and call.args: return ast.unparse(call.args[0]),any(k.arg in ('cached', 'as_prop') for k in call.keywords)
        if name=='patch' and f.args.args and f.args.args[0].annotation: return ast.unparse(f.args.args[0].annotation),bool(call and call.keywords)
    return None,False

def first_line(node): return (ast.get_docstring(node) or '').strip()

def full_name(node):
    "`f`, or `Class.f` for a method in a cell of its own."
    cls = owner(node)[0] if isinstance(node, ast.FunctionDef) else None
    return f'{cls}.{node.name}' if cls else node.name

def definitions(tree): return [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]

def names(tree):
    "What a cell defines, in order: functions, classes, methods, constants."
    found = []
    for n in tree.body:
        if n in definitions(tree): found.append(full_name(n))
        elif isinstance(n, (ast.Assign, ast.AnnAssign)):
            found += [x.id for t in (n.targets if isinstance(n, ast.Assign) else [n.target]) for x in ast.walk(t) if isinstance(x, ast.Name)]
    return list(dict.fromkeys(found))

def summary(tree):
    "One line for the folded source."
    found = names(tree)
    public = [n for n in found if not n.split('.')[-1].startswith('_')] or found
    if not public: return 'Imports' if any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in tree.body) else 'Source'
    more = f' and {len(public)-3} more' if len(public)>4 else ''
    return 'Source of '+', '.join(public if not more else public[:3])+more

# --- Documentation as Markdown with tables in HTML

def words(s):
    "A docment as HTML: `code` and *emphasis*, all else as written."
    parts = re.split(r'(`[^`]+`)', s or '')
    return ''.join(f'<code>{html.escape(p[1:-1])}</code>' if p[:1]=='`' and len(p)>2 else
                   re.sub(r'(?<!\w)\*(\w[^*]*)\*', r'<em>\1</em>', html.escape(p, quote=False)) for p in parts)

def prose(s):
    "A docstring as Markdown in which nothing is HTML, maths or a reference by accident."
    parts = re.split(r'(`[^`]+`)', s)
    return ''.join(p if p[:1]=='`' else re.sub(r'([$<\[\]@_])', r'\\\1', p) for p in parts)

def signature(name, rows, result, width=78):
    "The call as one line, or a parameter a line where that would be long."
    args = [n+(f': {a}' if a else '')+(('=' if not a else ' = ')+d if d else '') for n,a,d,_ in rows]
    tail = f' → {result}' if result else ''
    line = f"{name}({', '.join(args)}){tail}"
    if len(line)>width: line = f"{name}(\n"+''.join(f'    {a},\n' for a in args)+f"){tail}"
    return f'<pre class="api-signature"><code>{html.escape(line)}</code></pre>'

def table(head, rows, cls):
    "An HTML table of cells that are HTML already."
    row = lambda cells,tag: '<tr>'+''.join(f'<{tag}>{c}</{tag}>' for c in cells)+'</tr>'
    return f'<div class="table-scroll"><table class="api-table {cls}" {AS_IT_IS}>\n<thead>{row(head, "th")}</thead>\n<tbody>\n'+'\n'.join(row(r, 'td') for r in rows)+'\n</tbody></table></div>'

def parameter_table(rows):
    "Parameter, default and meaning; nothing where no parameter is explained."
    rows = [r for r in rows if r[0]!='*']
    if not any(r[3] for r in rows): return ''
    code = lambda s: f'<code>{html.escape(s)}</code>' if s else ''
    return table(('Parameter', 'Default', 'Meaning'), [(code(n), code(d), words(m)) for n,_,d,m in rows], 'api-parameters')

def method_table(cls, code, notes):
    "The public methods written in the class itself, a line each."
    rows = []
    for f in cls.body:
        if not isinstance(f, ast.FunctionDef) or f.name.startswith('_'): continue
        kinds = {name.split('.')[-1] for name,_ in decorators(f)}
        call = '' if kinds & {'property', 'cached_property'} else f"({', '.join(n for n,*_ in parameters(f, code, notes, 'staticmethod' not in kinds))})"
        rows.append((f'<code>{html.escape(f.name+call)}</code>', words(first_line(f))))
    return table(('Member', 'What it does'), rows, 'api-methods') if any(r[1] for r in rows) else ''

def registered(node):
    "The names under which a registry knows a function."
    calls = [(name, call) for name,call in decorators(node) if name.endswith('.add') and call and call.args]
    return [f"Entered in `{name[:-4]}` as `{ast.unparse(call.args[0])}`." for name,call in calls]

def describe(node, code, notes):
    "Signature, docstring, table and return of one function or class."
    raw,result,meaning = [],None,''
    if isinstance(node, ast.ClassDef):
        init = next((f for f in node.body if isinstance(f, ast.FunctionDef) and f.name=='__init__'), None)
        data = any(name.split('.')[-1]=='dataclass' for name,_ in decorators(node))
        rows = parameters(init, code, notes, method=True) if init else fields(node, notes) if data else None
        call = signature(f'class {node.name}', rows, None) if rows is not None else f'<pre class="api-signature"><code>class {html.escape(node.name)}</code></pre>'
        raw = [parameter_table(rows or []), method_table(node, code, notes)]
    else:
        cls,prop = owner(node)
        rows = parameters(node, code, notes, method=bool(cls))
        result,meaning = returned(node, code, notes)
        name = full_name(node)
        call = f'<pre class="api-signature"><code>{html.escape(name)}{" → "+html.escape(result) if result else ""}</code></pre>' if prop else signature(name, rows, result)
        raw = [parameter_table(rows)]
    if result or meaning: raw.append('<p class="api-returns"><strong>Returns</strong> '+': '.join(filter(None, [f'<code>{html.escape(result)}</code>' if result else '', words(meaning)]))+'</p>')
    told = [prose(s) for s in [first_line(node), *registered(node)] if s]
    return '\n'.join([fence(call, '{=html}'), '\n\n'.join(told), '', fence('\n'.join(filter(None, raw)), '{=html}') if any(raw) else ''])

def documentation(tree, code, level, seen):
    "Markdown for the public definitions of an exported cell, a heading each; `seen` keeps anchors unique."
    notes,parts = comments(code),[]
    for node in definitions(tree):
        name = full_name(node)
        if name in seen or node.name.startswith('_'): continue
        seen.add(name)
        parts.append(f"{'#'*level} `{name}` {{#{name} .api}}\n\n{describe(node, code, notes)}")
    return '\n'.join(parts)

# --- Outputs

KINDS = {'scatter': 'points or lines', 'scattergl': 'points or lines', 'scatter3d': 'points in space', 'bar': 'bars', 'heatmap': 'a table of colours', 'image': 'pictures', 'histogram': 'bars', 'box': 'boxes', 'violin': 'violins', 'treemap': 'nested areas'}

def title(layout, *at):
    "The words of a title in a layout, without markup."
    for k in at: layout = layout.get(k) or {} if isinstance(layout, dict) else {}
    found = layout.get('text') if isinstance(layout, dict) else layout
    return re.sub(r'<[^>]+>', ' ', found).strip() if isinstance(found, str) else ''

def spoken(fig):
    "A figure in a sentence, for those who don't see it: its title, what is drawn, the axes, the names of its parts."
    layout,data = fig.get('layout') or {},fig.get('data') or []
    drawn = ' and '.join(dict.fromkeys(KINDS.get(t.get('type', 'scatter'), t.get('type', 'scatter')) for t in data))
    axes = [f'{k[0]}: {words}' for k in sorted(layout) if re.match(r'[xy]axis\d*$', k) and (words := title(layout, k, 'title'))]
    names = list(dict.fromkeys(str(t['name']) for t in data if t.get('name')))
    parts = [title(layout, 'title'), f'Figure of {drawn or "nothing"}', '; '.join(dict.fromkeys(axes)), ', '.join(names[:12])+(f' and {len(names)-12} more' if len(names)>12 else '')]
    return '. '.join(filter(None, parts))

def figure(fig, uid, up):
    "A stored plotly figure as a div that the local script fills."
    shown = {k: fig[k] for k in ('data', 'layout', 'frames', 'config') if fig.get(k)}
    js = json.dumps(shown, separators=(',', ':'), ensure_ascii=False).replace('</', '<\\/').replace('<!--', '<\\!--')
    height = fig.get('layout', {}).get('height') or 450
    return (f'<div id="{uid}" class="plotly-figure" role="figure" aria-label="{html.escape(spoken(fig))}" style="min-height:{height}px"></div>\n'
            f'<script>(f=>{{f.config=Object.assign({{responsive:true,displaylogo:false}},f.config);Plotly.newPlot("{uid}",f)}})({js})</script>')

def tables(markup):
    "Tables of pandas: the frame and the inline style go, a wide one scrolls inside of itself, and a recipe is broken where its steps and parameters end."
    markup = re.sub(r'<style scoped>.*?</style>\s*', '', markup, flags=re.S)
    markup = re.sub(r'(<table[^>]*?) border="\d+"', r'\1', markup).replace('<table', f'<table {AS_IT_IS}')
    markup = re.sub(r'<(td|th)((?: rowspan="\d+")?(?: valign="top")?)>([a-z][^<\s+]*\+[a-z][^<\s]*|[^<\s]{33,})</\1>',
                    lambda m: f'<{m[1]}{m[2]} class="recipe">'+re.sub(r'([+,])', r'\1<wbr>', m[3])+f'</{m[1]}>', markup)
    return re.sub(r'<table\b.*?</table>', lambda m: f'<div class="table-scroll">{m[0]}</div>', markup, flags=re.S)

def output(o, uid, up, first):
    "One output as the page shows it. HTML travels as raw Markdown: Quarto adds scripts from a network to pages with HTML outputs."
    data = o.get('data') or {}
    if PLOTLY in data:
        script = f'<script src="{up}assets/plotly.min.js"></script>\n' if first else ''
        markup = script+figure(data[PLOTLY], uid, up)
    elif 'text/html' in data: markup = tables(text(data['text/html']))
    else: return o
    return o|{'data': {'text/markdown': lines(fence(markup, '{=html}'))}}

# --- The notebook

def lines(s): return s.splitlines(True)

def front_matter(cell):
    "The first cell, `# Title` and perhaps `> one sentence`, as the metadata that both renderers read; None if it is another kind of cell."
    m = re.match(r'\s*#\s+(.+?)\s*(?:\n|$)\s*((?:>.*(?:\n|$))*)', text(cell['source'])) if cell['cell_type']=='markdown' else None
    if not m: return None
    quote = ' '.join(l.lstrip('> ').strip() for l in m[2].splitlines())
    meta = {'title': m[1], **({'description': quote} if quote else {})}
    head = ''.join(f'{k}: {json.dumps(v, ensure_ascii=False)}\n' for k,v in meta.items())
    rest = text(cell['source'])[m.end():].strip()
    top = {'cell_type': 'raw', 'metadata': {}, 'source': lines(f'---\n{head}---\n')}
    return [top, cell|{'source': lines(rest)}] if rest else [top]

def heading_level(source, level):
    "Level of the last Markdown heading, outside of code."
    found = re.findall(r'^(#{1,6})\s', re.sub(r'^```.*?^```', '', source, flags=re.S|re.M), flags=re.M)
    return len(found[-1]) if found else level

def code_cell(cell, level, seen):
    "A code cell as a list of cells: none, itself, or its documentation and itself."
    bare,options,code = directives(text(cell['source']))
    if bare&HIDDEN or 'nbdev_export(' in code: return []
    options += [SHOWN_AS[d] for d in sorted(bare&set(SHOWN_AS))]
    docs = ''
    if bare&EXPORTED:
        try: tree = ast.parse(code)
        except SyntaxError: tree = ast.Module([], [])
        options += ['code-fold: true', f'code-summary: {json.dumps(summary(tree), ensure_ascii=False)}']
        if 'exporti' not in bare: docs = documentation(tree, code+'\n', min(max(level+1, 3), 6), seen)
    if not code and not cell.get('outputs'): return []
    cell = cell|{'source': lines(''.join(f'#| {o}\n' for o in options)+code)}
    return [{'cell_type': 'markdown', 'metadata': {}, 'source': lines(docs)}, cell] if docs else [cell]

def filtered(nb, up='../'):
    "The notebook as the page shows it; `up` leads from the page to the root of the site."
    cells,level,seen,figures = [],2,set(),0
    source = list(nb['cells'])
    if source and (top := front_matter(source[0])): source[:1] = top
    for i,cell in enumerate(source):
        if cell['cell_type']!='code':
            if cell['cell_type']=='markdown': level = heading_level(text(cell['source']), level)
            cells.append(cell|{'source': lines(text(cell['source']))})
            continue
        for c in code_cell(cell, level, seen):
            if c['cell_type']=='code':
                outputs = []
                for j,o in enumerate(c.get('outputs', [])):
                    outputs.append(output(o, f'figure-{i}-{j}', up, figures==0))
                    figures += PLOTLY in (o.get('data') or {})
                c = c|{'outputs': outputs}
            cells.append(c)
    return nb|{'cells': cells}

def up_to_root(folder):
    "Relative link from pages made of notebooks in `folder` to the root of the site."
    rel = os.path.relpath(ROOT, folder).replace(os.sep, '/')
    return '' if rel=='.' else rel+'/'

if __name__=='__main__':
    sys.stdin.reconfigure(encoding='utf-8'); sys.stdout.reconfigure(encoding='utf-8')
    json.dump(filtered(json.load(sys.stdin), up_to_root(Path.cwd())), sys.stdout, ensure_ascii=False)
