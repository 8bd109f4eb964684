"""The held-out faults: what a seed draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

draw = pytest.importorskip("benchmarks.held_out.draw", reason="a source package has no benchmarks")
networks = pytest.importorskip("benchmarks.held_out.networks")


def test_a_seed_draws_the_same_faults_again_and_another_seed_others() -> None:
    once, again, other = (draw.draw(seed) for seed in (1, 1, 2))
    assert [(one.name, one.spot) for one in once] == [(one.name, one.spot) for one in again]
    assert [one.name for one in once] != [one.name for one in other]


@pytest.mark.parametrize("seed", [draw.SEED, 3])
def test_every_network_has_the_quotas_of_every_format(seed: int) -> None:
    drawn = draw.draw(seed)
    assert len(drawn) >= 150
    counts = Counter((one.network, one.format, one.kind.group) for one in drawn)
    for network in networks.NETWORKS:
        for form, quotas in draw.QUOTAS.items():
            found = {group: counts[network.name, form, group] for group in quotas}
            assert found == quotas


@pytest.mark.parametrize("seed", [draw.SEED, 3])
def test_what_is_drawn_can_happen_to_its_network(seed: int) -> None:
    by_name = {one.name: one for one in networks.NETWORKS}
    for one in draw.draw(seed):
        network = by_name[one.network]
        assert one.format in one.kind.formats
        assert one.kind.needs <= network.traits
        if one.spot.depth and one.kind.group != "graph":
            assert one.spot.layer in network.layers


def test_names_are_unique_within_a_variant() -> None:
    drawn = draw.draw()
    assert len({(one.network, one.format, one.name) for one in drawn}) == len(drawn)


def test_all_depths_are_drawn_about_as_often() -> None:
    counts = Counter(one.spot.depth for one in draw.draw() if one.spot.depth)
    assert set(counts) == {"first", "early", "middle", "late", "last"}
    assert min(counts.values()) >= 15


def test_a_deck_deals_each_thing_as_often_as_the_others() -> None:
    deck = draw.Deck("abc", np.random.default_rng(0))
    dealt = Counter(deck.deal(lambda _: True) for _ in range(30))
    assert set(dealt.values()) == {10}


def test_a_deck_says_that_nothing_fits() -> None:
    deck = draw.Deck("abc", np.random.default_rng(0))
    with pytest.raises(LookupError):
        deck.deal(lambda one: one == "d")
