from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.end_to_end.sshd import NoServerError, Server, serving, unpacked
from tests.plugin.projects import XDIST


@pytest.fixture(scope="session", autouse=True)
def _apart() -> Iterator[None]:
    """Hide from the gates that tests run that other tests run at the same time.

    They would not measure time then, and no test here depends on how long anything takes.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in XDIST:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here")
    folder = tmp_path_factory.mktemp("sshd")
    try:
        with serving(folder, unpacked(folder)) as running:
            yield running
    except NoServerError as error:
        pytest.skip(str(error))
