"What memory can be had: the machine's, a container's, or what one has said."
import pytest

from clustering_nb import core

@pytest.mark.parametrize('limit,used,stat,prefix', [('memory.max', 'memory.current', 'memory.stat', ''), ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes', 'memory/memory.stat', 'total_')])
def test_memory_of_a_container(tmp_path, monkeypatch, limit, used, stat, prefix):
    "Its limit, less what is in use, but for files that are kept in memory only while nobody wants it."
    (tmp_path/'memory').mkdir()
    for name,text in {limit: 2**30, used: 2**29, stat: f'{prefix}active_file 0\n{prefix}inactive_file {2**28}\n'}.items(): (tmp_path/name).write_text(str(text))
    monkeypatch.delenv('CLUSTERING_NB_MEMORY', raising=False)
    monkeypatch.setattr(core, 'Path', lambda p, path=core.Path: tmp_path if p=='/sys/fs/cgroup' else path(p))
    assert core.available_memory()==2**29+2**28
    (tmp_path/limit).write_text('max') # No limit
    assert core.available_memory()!=2**29+2**28

def test_memory_that_one_says(monkeypatch):
    monkeypatch.setenv('CLUSTERING_NB_MEMORY', '0.5')
    assert core.available_memory()==2**29
    monkeypatch.setenv('CLUSTERING_NB_MEMORY', 'much')
    with pytest.raises(ValueError, match="number of GiB, such as 4; got 'much'"): core.available_memory()
    monkeypatch.setenv('CLUSTERING_NB_MEMORY', '1')
    with pytest.raises(MemoryError, match='Everything needs about 2.0 GiB.*Take less'): core.check_memory(2**31, 'Everything', 'Take less.')
