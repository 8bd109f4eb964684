from __future__ import annotations

import pytest

from edgeq.processes.environment import allowed, secrets, without_proxies

USUAL = ("PATH", "HOME", "LC_ALL", "PYTHONPATH", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL")
SECRET = (
    "GITHUB_TOKEN",
    "DEPLOY_TOKEN_FOR_TEST",
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "MYSQL_PWD",
    "AZURE_PAT",
    "SENTRY_DSN",
    "DATABASE_URL",
    "REDIS_URL",
    "SIGNING_PASSPHRASE",
    "TF_VAR_db_password",
    "NVIDIA_API_KEY",
    "ANDROID_KEYSTORE_PASSWORD",
    "STORAGE_CONNECTION_STRING",
    "SLACK_WEBHOOK_URL",
    "NPM_APIKEY",
)


@pytest.mark.parametrize("name", SECRET)
def test_secrets_are_neither_handed_on_nor_told(name: str) -> None:
    environment = {name: "hunter2-and-more"}
    assert allowed(environment, remote=True) == {}
    assert secrets(environment) == ("hunter2-and-more",)


@pytest.mark.parametrize("name", USUAL)
def test_what_a_child_needs_is_handed_on(name: str) -> None:
    environment = {name: "/some/place"}
    assert allowed(environment) == environment
    assert secrets(environment) == ()


@pytest.mark.parametrize("name", ["MONKEY", "TOKENIZERS_PARALLELISM", "GIT_AUTHOR_NAME", "PWD"])
def test_what_only_looks_like_a_secret_is_none(name: str) -> None:
    assert secrets({name: "not a secret"}) == ()


def test_the_user_may_hand_on_more() -> None:
    assert allowed({"MODEL_DIR": "/m", "OTHER": "x"}, others=("MODEL_DIR",)) == {"MODEL_DIR": "/m"}


def test_an_agent_is_reached_by_what_starts_a_worker_elsewhere_alone() -> None:
    environment = {"SSH_AUTH_SOCK": "agent.sock"}
    assert allowed(environment) == {}
    assert allowed(environment, remote=True) == environment


def test_passwords_in_addresses_are_secrets() -> None:
    environment = {"HTTPS_PROXY": "http://me:hunter2-and-more@proxy:80", "A": "postgres://u:pw@h/d"}
    assert secrets(environment) == ("hunter2-and-more",)
    assert without_proxies(environment) == {"A": "postgres://u:pw@h/d"}
