from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.end_to_end.sshd import NoServerError, Server, serving, unpacked


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
