"""The photos of three studies, from Tiny ImageNet: `python tools/tiny_imagenet.py tiny-imagenet-200.zip FOLDER`

Writes photos201.zip (25 557 photos of 201 kinds, unevenly many) and imagenet10.zip (10 kinds, 550 photos each) into FOLDER, which
`CLUSTERING_NB_DATA` then names. The file comes from the course CS231n of Stanford and may be used for research that is not commercial;
it is not part of this project. tools/tiny_imagenet.txt says which photos are meant, and what their contents add up to."""
import argparse
import hashlib
import os
import secrets
import sys
import zipfile
from pathlib import Path, PurePosixPath

LIST = Path(__file__).with_name('tiny_imagenet.txt')

def wanted(path=LIST):
    "Name of each set → digest of its contents, and pairs of a name in the set and a name in Tiny ImageNet."
    found,now = {},None
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line or line[0]=='#': continue
        words = line.split()
        if words[0]=='set': now = found[words[1]] = words[2],[]; continue
        folder,kind,suffix,numbers = words # Numbers as the bits of a hexadecimal number
        bits = int(numbers, 16)
        now[1].extend((f'{folder}/{kind}_{i}.{suffix}', f'{kind}_{i}.JPEG') for i in range(bits.bit_length()) if bits>>i&1)
    return found

def total(seen):
    "Digest of pairs of a name and the digest of its contents, in whatever order they come."
    return hashlib.sha256('\n'.join(sorted(f'{n} {d}' for n,d in seen)).encode()).hexdigest()

def build(source, folder, sets=None):
    "Write the sets, each of which appears whole or not at all; True if all contents are as expected."
    right = True
    with zipfile.ZipFile(source) as tiny:
        where = {PurePosixPath(n).name: n for n in tiny.namelist() if n.endswith('.JPEG')} # Names tell kinds and parts apart
        for name,(expected,pairs) in (wanted() if sets is None else sets).items():
            missing = [theirs for _,theirs in pairs if theirs not in where]
            if missing: raise ValueError(f"{source} lacks {len(missing):,} of the {len(pairs):,} photos of {name}, such as {missing[0]}. Is it tiny-imagenet-200.zip, and whole?")
            Path(folder).mkdir(parents=True, exist_ok=True)
            aside,seen = Path(folder)/f'.{name}.{secrets.token_hex(4)}',[]
            try:
                with zipfile.ZipFile(aside, 'w') as out:
                    for ours,theirs in sorted(pairs):
                        data = tiny.read(where[theirs])
                        out.writestr(zipfile.ZipInfo(f'{name}/{ours}', (1980, 1, 1, 0, 0, 0)), data)
                        seen.append((ours, hashlib.sha256(data).hexdigest()))
                os.replace(aside, Path(folder)/f'{name}.zip')
            finally: aside.unlink(missing_ok=True)
            same = total(seen)==expected
            right = right and same
            print(f"{name}.zip: {len(pairs):,} photos"+('' if same else '; their contents are not those that the studies saw, so figures may differ'))
    return right

def main(args=None):
    p = argparse.ArgumentParser(description=__doc__.split(':')[0])
    p.add_argument('source', type=Path, help="tiny-imagenet-200.zip")
    p.add_argument('folder', type=Path, help="where the two zips go")
    a = p.parse_args(args)
    try: return int(not build(a.source, a.folder))
    except (OSError, ValueError, zipfile.BadZipFile) as e:
        print(f"Nothing more was written: {e}", file=sys.stderr)
        return 2

if __name__=='__main__': sys.exit(main())
