"Installation from settings.ini, which nbdev reads too: nothing is written twice."
import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=['='])
config.read(Path(__file__).with_name('settings.ini'), encoding='utf-8')
cfg = config['DEFAULT']
statuses = ['1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
readme = Path(__file__).with_name('README.md')

def shown_anywhere(text):
    "The README with addresses of pages and pictures that also hold where the package is shown."
    at = lambda kind: f"{cfg['git_url']}/{kind}/{cfg['branch']}/"
    text = re.sub(r'(!\[[^\]]*\]\()(?!https?:|#)', lambda m: m[1]+at('raw'), text)
    return re.sub(r'((?<!!)\[[^\]]*\]\()(?!https?:|#)', lambda m: m[1]+at('blob'), text)

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    long_description=shown_anywhere(readme.read_text(encoding='utf-8')) if readme.exists() else cfg['description'],
    long_description_content_type='text/markdown',
    author=cfg['author'],
    author_email=cfg['author_email'],
    url=cfg['git_url'],
    project_urls={'Documentation': cfg['doc_host']+cfg['doc_baseurl'], 'Changes': f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md", 'Issues': f"{cfg['git_url']}/issues"},
    license=cfg['license'].upper(),
    keywords=cfg['keywords'].split(),
    classifiers=[
        f"Development Status :: {statuses[int(cfg['status'])-1]}",
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Topic :: Scientific/Engineering :: Image Recognition',
        f"Natural Language :: {cfg['language']}",
        'Operating System :: POSIX :: Linux',
        'Operating System :: MacOS',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(*(int(cfg[f'{end}_python'].split('.')[1])+(end=='max') for end in ('min', 'max')))),
    ],
    packages=find_packages(include=['clustering_nb', 'clustering_nb.*']),
    package_data={'clustering_nb': ['assets/*']},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(),
    extras_require={name: cfg[f'{name}_requirements'].split() for name in cfg['extras'].split()},
    entry_points={
        'console_scripts': cfg['console_scripts'].split(),
        'nbdev': [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"],
    },
    zip_safe=False,
)
