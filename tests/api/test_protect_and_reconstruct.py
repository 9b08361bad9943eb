from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import primis
from primis import api, container
from primis.errors import (
    DamagedFileError,
    InputError,
    NoKeyError,
    PrimisError,
    UnknownModelError,
    UsageError,
)
from primis.images.image import Attributes, Image
from primis.keys import ImageKey, Keyring
from primis.obfuscation import Level, Scheme
from tests.pictures import KINDS, psnr, smooth, textured

protect = partial(api.protect, threads=1)
reconstruct = partial(api.reconstruct, threads=1)

RICH = Attributes(
    bits=12,
    source="dicom",
    photometric="MONOCHROME1",
    rescale=(1.5, -1024),
    window=(40, 400),
    spacing=(0.15, 0.15),
    spacing_at_imager=True,
    modality="DX",
    view_position="PA",
    laterality="U",
    body_part="CHEST",
)


def image_of(pixels: np.ndarray, bits: int = 8) -> Image:
    return Image(pixels, Attributes(bits=bits))


@pytest.fixture(scope="module")
def picture() -> Image:
    return image_of(textured((96, 112)))


@pytest.mark.parametrize("scheme", Scheme)
def test_every_level_comes_back_each_better_than_the_one_below(keyring, picture, scheme):
    protected = protect(picture, keyring, name="one", rate=1.0, scheme=scheme)
    assert keyring.images[protected.image_id].name == "one"
    qualities = []
    for level in (Level.PREVIEW, Level.DIAGNOSTIC, Level.FULL):
        result = reconstruct(protected.data, keyring, level=level)
        assert (result.level, result.image_id) == (level, protected.image_id)
        assert not result.exact
        assert result.image.attributes == picture.attributes
        qualities.append(psnr(result.image.pixels, picture.pixels))
    assert qualities == sorted(qualities)
    assert qualities[-1] > 28


@pytest.mark.parametrize("scheme", Scheme)
def test_without_a_level_the_best_is_shown(keyring, picture, scheme):
    protected = protect(picture, keyring, name="one", scheme=scheme)
    best = reconstruct(protected.data, keyring)
    assert best.level == Level.FULL
    full = reconstruct(protected.data, keyring, level=Level.FULL)
    np.testing.assert_array_equal(best.image.pixels, full.image.pixels)


@pytest.mark.parametrize("scheme", Scheme)
def test_a_grant_opens_its_level_and_none_above(keyring, picture, scheme):
    protected = protect(picture, keyring, name="one", scheme=scheme)
    for only in (None, {protected.image_id}):
        grant = keyring.grant(Level.PREVIEW, only)
        assert reconstruct(protected.data, grant).level == Level.PREVIEW
        with pytest.raises(NoKeyError):
            reconstruct(protected.data, grant, level=Level.FULL)


@pytest.mark.parametrize("scheme", Scheme)
def test_a_single_key_opens_its_level_and_those_below(keyring, picture, scheme):
    protected = protect(picture, keyring, name="one", scheme=scheme)
    key = keyring.image_key(protected.image_id, Level.DIAGNOSTIC)
    assert reconstruct(protected.data, key).level == Level.DIAGNOSTIC
    preview = reconstruct(protected.data, key, level=Level.PREVIEW)
    expected = reconstruct(protected.data, keyring, level=Level.PREVIEW)
    np.testing.assert_array_equal(preview.image.pixels, expected.image.pixels)
    with pytest.raises(NoKeyError):
        reconstruct(protected.data, key, level=Level.FULL)


def test_a_wrong_key_opens_nothing(keyring, picture):
    protected = protect(picture, keyring, name="one")
    for level in range(3):
        with pytest.raises(NoKeyError):
            reconstruct(protected.data, ImageKey(level, bytes(32)))
        key_of_another_level = keyring.image_key(protected.image_id, (level + 1) % 3).material
        with pytest.raises(NoKeyError):
            reconstruct(protected.data, ImageKey(level, key_of_another_level))


def test_a_key_of_the_other_scheme_opens_nothing(keyring, picture):
    sealed = protect(picture, keyring, name="one")
    noisy = protect(picture, keyring, name="two", scheme=Scheme.AMBIGUATION)
    with pytest.raises(NoKeyError, match="ambiguation"):
        reconstruct(sealed.data, keyring.image_key(noisy.image_id, 2))
    with pytest.raises(NoKeyError, match="keystream"):
        reconstruct(noisy.data, keyring.image_key(sealed.image_id, 2))


def test_a_keyring_of_another_publisher_is_told_so(keyring, stranger, picture):
    protected = protect(picture, keyring, name="one")
    with pytest.raises(DamagedFileError, match="signed by somebody else"):
        reconstruct(protected.data, stranger)


def test_a_keyring_of_another_data_set_of_the_publisher_has_no_key(keyring, stranger, picture):
    protected = protect(picture, keyring, name="one")
    secrets = [stranger.image_key(protected.image_id, level).material for level in range(3)]
    other = Keyring(stranger.data_set, (*secrets, bytes(32)), keyring.signing_key, (), {})
    with pytest.raises(NoKeyError):
        reconstruct(protected.data, other)


@pytest.mark.parametrize(
    ("shape", "bits"), [((32, 32), 8), ((61, 47), 8), ((47, 61), 16), ((50, 33), 12), ((32, 40), 1)]
)
def test_the_original_comes_back_exactly(keyring, shape, bits):
    image = image_of(textured(shape, bits), bits)
    protected = protect(image, keyring, name="one", original=True)
    result = reconstruct(protected.data, keyring)
    assert (result.level, result.exact) == (Level.ORIGINAL, True)
    assert result.image.pixels.dtype == image.pixels.dtype
    np.testing.assert_array_equal(result.image.pixels, image.pixels)
    assert not reconstruct(protected.data, keyring, level=Level.FULL).exact
    grant = keyring.grant(Level.FULL)
    assert reconstruct(protected.data, grant).level == Level.FULL


def test_a_file_without_an_original_says_so(keyring, picture):
    protected = protect(picture, keyring, name="one")
    with pytest.raises(NoKeyError, match="no original"):
        reconstruct(protected.data, keyring, level=Level.ORIGINAL)


def test_ambiguation_has_no_original(keyring, picture):
    with pytest.raises(UsageError, match="original"):
        protect(picture, keyring, name="one", scheme=Scheme.AMBIGUATION, original=True)
    assert not keyring.images


@pytest.mark.parametrize("scheme", Scheme)
def test_attributes_travel_with_the_image(keyring, scheme):
    image = Image(textured((40, 40), 12), RICH)
    protected = protect(image, keyring, name="one", scheme=scheme)
    for level in (Level.PREVIEW, Level.FULL):
        result = reconstruct(protected.data, keyring, level=level)
        assert result.image.attributes == RICH
        assert int(result.image.pixels.max()) < 2**12


@pytest.mark.usefixtures("encoded_once")
@pytest.mark.parametrize("shape", [(32, 32), (45, 71)])
def test_files_of_one_shape_and_rate_are_equally_long(keyring, shape):
    for scheme in Scheme:
        for rate in (0.01, 0.25, 2.0):
            lengths = set()
            for kind in KINDS.values():
                plain, deep = image_of(kind(shape)), Image(kind(shape, 12), RICH)
                for image in (plain, deep):
                    data = protect(image, keyring, name="", rate=rate, scheme=scheme).data
                    header = container.parse(data).header
                    lengths.add((len(data), header.lengths))
            assert len(lengths) == 1


def test_the_public_file_has_the_rate_that_was_asked_for(keyring):
    image = image_of(smooth((256, 256)))
    for rate in (0.1, 0.25, 1.0):
        data = protect(image, keyring, name="", rate=rate).data
        assert rate - 0.002 <= 8 * len(data) / 256**2 <= rate


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_images_survive_any_rate(keyring, kind):
    image = image_of(KINDS[kind]((32, 32)))
    for rate in (api.MIN_RATE, api.MAX_RATE):
        for scheme in Scheme:
            data = protect(image, keyring, name="", rate=rate, scheme=scheme).data
            assert reconstruct(data, keyring).image.pixels.shape == (32, 32)


def test_more_bytes_give_a_better_picture(keyring):
    image = image_of(textured((80, 80)))
    qualities = []
    for rate in (0.5, 1.0, 2.0, 4.0):
        data = protect(image, keyring, name="", rate=rate).data
        qualities.append(psnr(reconstruct(data, keyring).image.pixels, image.pixels))
    assert qualities == sorted(qualities)


@pytest.mark.parametrize("rate", [0.0, 0.0099, 8.01, -1.0, float("nan"), float("inf")])
def test_a_rate_out_of_bounds_is_refused(keyring, picture, rate):
    with pytest.raises(UsageError, match="not a rate"):
        protect(picture, keyring, name="one", rate=rate)
    assert not keyring.images


@pytest.mark.parametrize(("text", "rate"), [("low", 0.1), ("medium", 0.25), ("0.3", 0.3), ("8", 8)])
def test_rates_have_names_and_numbers(text, rate):
    assert api.parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "Low", "9", "0", "nan", "-1", "1e", "0,3"])
def test_other_words_are_no_rates(text):
    with pytest.raises(UsageError, match="not a rate"):
        api.parse_rate(text)


@pytest.mark.parametrize("shape", [(31, 40), (40, 31), (32, 4097)])
def test_an_image_too_small_or_too_large_is_refused(keyring, shape):
    with pytest.raises(InputError, match="must be 32 to 4096"):
        protect(image_of(np.zeros(shape, dtype=np.uint8)), keyring, name="one")


def test_ids_are_new_for_every_file_and_say_nothing(keyring):
    image = image_of(smooth((32, 32)))
    files = [protect(image, keyring, name="same") for _ in range(10)]
    assert len({file.image_id for file in files}) == 10
    assert set(keyring.images) == {file.image_id for file in files}
    payloads = {container.parse(file.data).payloads for file in files}
    assert len(payloads) == 10


def test_rekeying_loses_nothing_and_shuts_the_old_keys_out(keyring, stranger, picture):
    first = protect(picture, keyring, name="one.dcm", original=True)
    second = api.rekey(first.data, keyring, stranger)
    assert second.image_id != first.image_id
    assert len(second.data) == len(first.data)
    assert stranger.images[second.image_id].name == "one.dcm"
    for level in Level:
        before = reconstruct(first.data, keyring, level=level).image.pixels
        after = reconstruct(second.data, stranger, level=level).image.pixels
        np.testing.assert_array_equal(before, after)
    with pytest.raises(DamagedFileError, match="somebody else"):
        reconstruct(second.data, keyring)
    for level in Level:
        with pytest.raises(NoKeyError):
            reconstruct(second.data, keyring.image_key(second.image_id, level))
        with pytest.raises(NoKeyError):
            reconstruct(second.data, keyring.image_key(first.image_id, level))


def test_rekeying_works_on_three_levels_too(keyring, stranger, picture):
    first = protect(picture, keyring, name="one")
    second = api.rekey(first.data, keyring, stranger)
    assert reconstruct(second.data, stranger).level == Level.FULL


def test_an_ambiguated_file_is_not_rekeyed(keyring, stranger, picture):
    protected = protect(picture, keyring, name="one", scheme=Scheme.AMBIGUATION)
    with pytest.raises(UsageError, match="cannot be rekeyed"):
        api.rekey(protected.data, keyring, stranger)
    assert not stranger.images


def test_a_file_of_somebody_else_is_not_rekeyed(keyring, stranger, picture):
    protected = protect(picture, keyring, name="one")
    with pytest.raises(DamagedFileError):
        api.rekey(protected.data, stranger, keyring)


def test_an_unknown_model_is_named(keyring, picture):
    file = container.parse(protect(picture, keyring, name="one").data)
    header = replace(file.header, model=b"\xabmodel\xcd\xef")
    keys = [keyring.image_key(header.image_id, level).material for level in range(3)]
    opened = api.keystream.open_levels(file.payloads, 2, keys[2], file.header.to_bytes())
    payloads = api.keystream.seal(opened, keys, header.to_bytes())
    data = container.pack(header, payloads, keyring.signing_key)
    with pytest.raises(UnknownModelError, match=header.model.hex()):
        reconstruct(data, keyring)


@pytest.mark.parametrize("scheme", Scheme)
def test_no_byte_of_a_file_can_be_altered(keyring, scheme):
    image = image_of(smooth((32, 32)))
    data = protect(image, keyring, name="one", scheme=scheme).data
    for place in range(len(data)):
        altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(DamagedFileError):
            reconstruct(altered, keyring)


@pytest.fixture
def small_file(keyring, scheme):
    """A public file of a small image at the least rate, made once for all examples of a test."""
    image = image_of(smooth((32, 32)))
    return protect(image, keyring, name="", rate=0.01, scheme=scheme).data


@pytest.mark.parametrize("scheme", Scheme)
@settings(
    max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_happens_to_a_file_the_error_is_one_of_ours(keyring, scheme, small_file, data):
    start = data.draw(st.integers(0, len(small_file)))
    end = data.draw(st.integers(start, min(len(small_file), start + 40)))
    bad = small_file[:start] + data.draw(st.binary(max_size=40)) + small_file[end:]
    if bad != small_file:
        with pytest.raises(PrimisError):
            reconstruct(bad, keyring)


def test_the_public_names_are_those_of_the_package(keyring, picture):
    protected = primis.protect(picture, keyring, name="one", threads=1)
    assert isinstance(primis.reconstruct(protected.data, keyring, threads=1).image, primis.Image)
    with pytest.raises(AttributeError):
        primis.unprotect  # noqa: B018
