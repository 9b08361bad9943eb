import numpy as np
import pytest

from tests.attacks.made_images import pictures

pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")

from primis.attacks.side_channels.folder import folder
from primis.attacks.side_channels.header import header_fields
from primis.attacks.side_channels.publication import Victims, cut
from primis.attacks.side_channels.remnants import remnants
from primis.attacks.side_channels.reuse import reuse
from primis.attacks.side_channels.sizes import sizes
from primis.attacks.side_channels.timing import measure, timing
from primis.attacks.side_channels.upward import grants, upward
from primis.attacks.side_channels.wrong_keys import wrong_keys
from primis.attacks.verdicts import role
from primis.obfuscation import Scheme

COUNT = 12


@pytest.fixture(scope="module")
def victims():
    return Victims(tuple(pictures(COUNT)), tuple(f"p{n}" for n in range(COUNT)), rate=2.0)


@pytest.fixture(scope="module")
def publication(victims):
    return victims.publish()


def check(results):
    """Planted leaks are found, and the default is nowhere near them (its interval may miss the
    floor once in a hundred runs, since keys are random)."""
    by_role = {role(result): result for result in results}
    assert {"default", "control"} <= by_role.keys()
    for result in results:
        if role(result) == "control":
            assert result.verdict == "succeeds", result
        if role(result) == "default":
            assert result.score.low <= result.floor + 0.25 * ((result.ceiling or 1) - result.floor)
            assert result.knowledge


def test_sizes_tell_nothing_but_those_of_a_content_sized_file_do(victims, publication):
    results = sizes(publication, victims.publish(original=True))
    check(results)
    default = next(result for result in results if role(result) == "default")
    assert (default.score.low, default.score.high) == (0.5, 0.5)


def test_the_length_of_the_original_level_is_documented_to_tell_something(victims, publication):
    results = sizes(publication, victims.publish(original=True))
    assert [r.verdict for r in results if role(r) == "documented"] == ["succeeds"]


def test_headers_of_one_shape_differ_in_the_image_id_alone(publication):
    results = header_fields(publication)
    check(results)
    assert results[0].score.value == 0


def test_neither_names_nor_dates_follow_the_inputs(victims):
    results = folder(victims)
    check(results)
    (dates,) = (r for r in results if r.target == "keystream" and "dates" in r.metric)
    assert dates.score.value == 0.5


def test_wrong_keys_all_give_the_same_error(victims, publication):
    few = Victims(victims.pixels[:3], victims.patients[:3], victims.rate)
    results = wrong_keys(publication, few.publish(scheme=Scheme.AMBIGUATION))
    check(results)
    assert results[0].score.value == 0


def test_the_same_image_twice_shares_nothing_unless_keys_are_reused(victims, publication):
    check(reuse(publication, victims.publish()))


def test_lower_keys_open_no_upper_level_unless_those_are_derived_from_them(publication):
    check(upward(publication))


def test_joined_grants_open_no_other_image(publication):
    check(grants(publication))


def test_secrets_and_leftovers_are_found_where_they_are_planted_alone(victims):
    clean, planted = remnants(victims)
    assert clean.score.value == 0, clean.notes
    assert "level secret 0 in debug.log" in planted.notes
    assert "readable by others: copy.keyring" in planted.notes


def test_a_comparison_byte_by_byte_is_found_by_its_time(victims):
    few = Victims(victims.pixels[:6], victims.patients[:6], victims.rate)
    results = timing(few.publish(), rate=few.rate, repeats=2)
    planted = next(r for r in results if r.target == "planted: byte by byte")
    assert planted.verdict == "succeeds"
    assert {r.attack for r in results} >= {"time to fail", "time to decode", "time to protect"}


def test_times_are_measured_in_seconds():
    quick, slow = measure([lambda: None, lambda: sum(range(20_000))], 5, seed=0)
    assert 0 < quick < slow < 1


def test_images_are_cut_to_their_common_middle():
    cuts = cut([np.arange(100 * 80).reshape(100, 80), np.zeros((70, 90))], 75)
    assert {c.shape for c in cuts} == {(70, 75)}
    assert cuts[0][0, 0] == 15 * 80 + 2
