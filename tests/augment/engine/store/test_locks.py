import errno
import os
import stat
import threading

import pytest
from filelock import Timeout

from aga_lightning.augment.engine.store.locks import exclusive, open_lock


@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o077, 0o600)])
def test_a_lock_can_be_used_by_all_whom_the_umask_lets(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with open_lock(tmp_path / "new" / "a.lock"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "a.lock").stat().st_mode) == mode


def test_a_lock_is_held_by_one_and_given_back_by_any_thread(tmp_path):
    lock = open_lock(tmp_path / "a.lock")
    taking = threading.Thread(target=lock.acquire)
    taking.start()
    taking.join()
    with pytest.raises(Timeout):
        open_lock(tmp_path / "a.lock").acquire(timeout=0)
    lock.release()
    open_lock(tmp_path / "a.lock").acquire(timeout=0)


def test_of_two_the_second_waits(tmp_path):
    order = []
    inside = threading.Event()

    def second():
        inside.wait()
        with exclusive(tmp_path / "a.lock"):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    with exclusive(tmp_path / "a.lock"):
        inside.set()
        waiting.join(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC])
def test_where_nothing_can_be_written_nobody_is_kept_out(tmp_path, monkeypatch, number):
    def refuse(path, *_, **__):
        raise OSError(number, os.strerror(number), os.fspath(path))

    monkeypatch.setattr(os, "open", refuse)
    done = []
    if number == errno.ENOSPC:
        with pytest.raises(OSError, match="No space"), exclusive(tmp_path / "a.lock"):
            done.append("inside")
        assert done == []
    else:
        with exclusive(tmp_path / "a.lock"):
            done.append("inside")
        assert done == ["inside"]
