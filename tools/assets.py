"Before rendering: copy plotly.js from the installed plotly into `assets/`, which both renderers publish. No page asks a network for it."
import shutil
from importlib.util import find_spec
from pathlib import Path


def plotly_js():
    "The script that comes with the installed plotly."
    spec = find_spec('plotly')
    path = Path(spec.origin).parent/'package_data/plotly.min.js' if spec else None
    if path and path.is_file(): return path
    raise SystemExit("Figures need the script of plotly, and the installed plotly has none. `pip install 'plotly>=6'` brings it.")


def copy_plotly(folder):
    "Copy the script into `folder`, unless the same one is there."
    src,dst = plotly_js(),Path(folder)/'plotly.min.js'
    dst.parent.mkdir(parents=True, exist_ok=True)
    if not dst.exists() or dst.read_bytes()!=src.read_bytes(): shutil.copyfile(src, dst)
    return dst


if __name__=='__main__': copy_plotly(Path(__file__).resolve().parents[1]/'assets')
