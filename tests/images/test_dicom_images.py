import io
import struct
from dataclasses import replace

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from primis.errors import InputError, PrivacyRefusedError, UsageError
from primis.images import Attributes, Image, read_image, write_image
from primis.images.dicom import decode_dicom, encode_dicom
from primis.images.encapsulated import stream_shape

CHEST = Attributes(
    bits=12,
    source="dicom",
    photometric="MONOCHROME1",
    rescale=(0.5, -3),
    window=(500, 900),
    spacing=(0.143, 0.2),
    laterality="L",
    modality="DX",
    view_position="PA",
    body_part="CHEST",
)


def image_of(attributes: Attributes, shape=(40, 33), seed=0) -> Image:
    values = np.random.default_rng(seed).integers(0, 1 << attributes.bits, shape)
    return Image(values.astype(attributes.dtype), attributes)


def dicom_bytes(image=None, **changes) -> bytes:
    """A valid file, with elements set (or deleted, when None) afterwards."""
    return altered(encode_dicom(image or image_of(CHEST), **LOSSLESS), **changes)


def altered(data: bytes, **changes) -> bytes:
    dataset = parsed(data)
    for keyword, value in changes.items():
        if keyword == "TransferSyntaxUID":
            dataset.file_meta.TransferSyntaxUID = value
        elif value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def parsed(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


LOSSLESS = {"derivation": "test", "ratio": None, "lossy": False}
LOSSY = {"derivation": "test", "ratio": 23.4, "lossy": True}
JPEG_SYNTAX = "1.2.840.10008.1.2.4."


# Round trips


@settings(deadline=None)
@given(
    st.integers(1, 16),
    st.booleans(),
    st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    st.tuples(st.integers(32, 45), st.integers(32, 45)),
    st.integers(0, 2**32 - 1),
)
def test_pixels_and_attributes_come_back_from_dicom(bits, signed, photometric, shape, seed):
    attributes = Attributes(bits=bits, source="dicom", signed=signed, photometric=photometric)
    image = image_of(attributes, shape, seed)
    back = decode_dicom(encode_dicom(image, **LOSSLESS))
    np.testing.assert_array_equal(back.pixels, image.pixels)
    assert (back.bits, back.attributes.signed) == (bits, signed)
    assert back.attributes.photometric == photometric


@pytest.mark.parametrize("at_imager", [False, True])
def test_what_travels_with_the_image_comes_back(at_imager):
    attributes = Attributes(
        bits=12, source="dicom", signed=True, rescale=(0.0012207, 1), window=(-0.5, 3.25),
        spacing=(0.1, 0.2), spacing_at_imager=at_imager, lossy=True, burned_in=True,
        laterality="R", modality="US", view_position="CC", body_part="LOW_ER LIMB 2",
    )  # fmt: skip
    data = encode_dicom(image_of(attributes), **LOSSLESS)
    assert decode_dicom(data, allow_burned_in=True).attributes == attributes


def test_uncompressed_and_losslessly_compressed_radiographs_give_the_same_pixels(real_files):
    for name in ("RG1", "RG3", "MR2"):
        plain = read_image(real_files / f"{name}_UNCR.dcm")
        packed = read_image(real_files / f"{name}_J2KR.dcm")
        np.testing.assert_array_equal(plain.pixels, packed.pixels)
        assert plain.attributes == packed.attributes


def test_signed_values_are_the_same_whatever_bits_stored_says(real_files):
    plain = read_image(real_files / "693_UNCR.dcm")  # 14 bits
    packed = read_image(real_files / "693_J2KR.dcm")  # 16 bits
    np.testing.assert_array_equal(
        plain.pixels.astype(int) - plain.attributes.offset,
        packed.pixels.astype(int) - packed.attributes.offset,
    )


def test_the_clinical_radiograph_is_read_with_all_it_has(real_files):
    image = read_image(real_files / "RG1_UNCR.dcm")
    assert image.pixels.shape == (1955, 1841)
    assert image.attributes == Attributes(
        bits=15, source="dicom", photometric="MONOCHROME1", window=(15000, 30000),
        modality="CR", view_position="PA", body_part="CHEST",
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "JPEG-LL.dcm",
        "JPGLosslessP14SV1_1s_1f_8b.dcm",
        "MR-SIEMENS-DICOM-WithOverlays.dcm",
        "RG3_J2KI.dcm",
        "bad_sequence.dcm",
        "explicit_VR-UN.dcm",
        "mlut_18.dcm",
        "vlut_04.dcm",
    ],
)
def test_real_images_survive_a_derived_object(real_files, strict_pydicom, name):
    image = decode_dicom((real_files / name).read_bytes())
    data = encode_dicom(image, **LOSSLESS)
    parsed(data)
    np.testing.assert_array_equal(decode_dicom(data).pixels, image.pixels)


def compressed(syntax: str, stream: bytes, **changes) -> bytes:
    return dicom_bytes(
        PixelData=encapsulate([stream]),
        TransferSyntaxUID=pydicom.uid.UID(syntax),
        **changes,
    )


STREAMS = {
    "57": imagecodecs.jpeg_encode(image_of(CHEST).pixels, lossless=True),
    "70": imagecodecs.jpeg_encode(image_of(CHEST).pixels, lossless=True),
    "80": imagecodecs.jpegls_encode(image_of(CHEST).pixels),
    "90": imagecodecs.jpeg2k_encode(
        image_of(CHEST).pixels, codecformat="J2K", reversible=True, level=0
    ),
    "201": imagecodecs.htj2k_encode(image_of(CHEST).pixels),
}


@pytest.mark.parametrize("syntax", STREAMS)
def test_every_lossless_syntax_gives_the_pixels(syntax):
    image = decode_dicom(compressed(JPEG_SYNTAX + syntax, STREAMS[syntax]))
    np.testing.assert_array_equal(image.pixels, image_of(CHEST).pixels)
    assert not image.attributes.lossy


def test_run_length_encoding_gives_the_pixels():
    dataset = parsed(dicom_bytes())
    dataset.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    np.testing.assert_array_equal(decode_dicom(buffer.getvalue()).pixels, image_of(CHEST).pixels)


def test_overlay_bits_above_bits_stored_are_not_pixels():
    pixels = image_of(CHEST).pixels
    data = dicom_bytes(PixelData=(pixels | 0xA000).astype("<u2").tobytes())
    np.testing.assert_array_equal(decode_dicom(data).pixels, pixels)


def test_lossy_transfer_syntaxes_are_remembered():
    stream = imagecodecs.jpeg_encode(image_of(Attributes()).pixels)
    changes = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    assert decode_dicom(compressed(JPEG_SYNTAX + "50", stream, **changes)).attributes.lossy


# What is written


def test_a_derived_object_holds_exactly_the_documented_elements(strict_pydicom):
    dataset = parsed(encode_dicom(image_of(CHEST), **LOSSY))
    assert {element.keyword for element in dataset} == {
        "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate",
        "StudyTime", "AccessionNumber", "Modality", "ConversionType", "ReferringPhysicianName",
        "DerivationDescription", "DerivationCodeSequence", "PatientName", "PatientID",
        "PatientBirthDate", "PatientSex", "PatientIdentityRemoved", "DeidentificationMethod",
        "DeidentificationMethodCodeSequence", "BodyPartExamined", "ViewPosition",
        "ContributingEquipmentSequence", "StudyInstanceUID", "SeriesInstanceUID", "StudyID",
        "SeriesNumber", "InstanceNumber", "PatientOrientation", "ImageLaterality",
        "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "PixelSpacing",
        "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        "LongitudinalTemporalInformationModified", "WindowCenter", "WindowWidth",
        "RescaleIntercept", "RescaleSlope", "RescaleType", "LossyImageCompression",
        "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PixelData",
    }  # fmt: skip
    assert dataset.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.ImageType == ["DERIVED", "SECONDARY"]
    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionRatio == 23.4
    assert dataset.PatientName == ""
    assert dataset.PatientIdentityRemoved == "YES"
    assert (dataset.WindowCenter, dataset.WindowWidth) == (500, 900)
    assert (dataset.RescaleSlope, dataset.RescaleIntercept) == (0.5, -3)
    assert dataset.PixelSpacing == [0.143, 0.2]


def test_every_object_has_uids_of_its_own():
    first, second = (parsed(encode_dicom(image_of(CHEST), **LOSSY)) for _ in range(2))
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert first[keyword].value != second[keyword].value


def test_nothing_of_the_patient_passes_through(real_files):
    original = (real_files / "RG1_UNCR.dcm").read_bytes()
    patient = str(pydicom.dcmread(io.BytesIO(original)).PatientName).encode()
    assert patient in original
    image = decode_dicom(original)
    assert patient not in encode_dicom(image, **LOSSLESS) + image.attributes.to_bytes()


def test_exact_pixels_are_not_called_lossy_unless_the_source_was():
    assert "LossyImageCompression" not in parsed(encode_dicom(image_of(CHEST), **LOSSLESS))
    once_lossy = image_of(Attributes(bits=12, source="dicom", lossy=True))
    assert parsed(encode_dicom(once_lossy, **LOSSLESS)).LossyImageCompression == "01"


def test_a_raster_image_becomes_a_coherent_object_with_window_and_rescale(strict_pydicom):
    dataset = parsed(encode_dicom(image_of(Attributes(bits=8)), **LOSSY))
    assert (dataset.WindowCenter, dataset.WindowWidth) == (128, 256)
    assert (dataset.RescaleSlope, dataset.RescaleIntercept) == (1, 0)
    assert dataset.Modality == "OT"


def test_burned_in_annotation_stays_declared():
    image = image_of(Attributes(source="dicom", burned_in=True))
    assert parsed(encode_dicom(image, **LOSSY)).BurnedInAnnotation == "YES"


@pytest.mark.parametrize(
    "change",
    [
        {"derivation": ""},
        {"derivation": "x" * 1025},
        {"derivation": "a\0b"},
        {"ratio": 0.0},
        {"ratio": float("nan")},
        {"ratio": float("inf")},
    ],
    ids=lambda change: repr(change)[:30],
)
def test_a_description_that_dicom_cannot_hold_is_refused(change):
    with pytest.raises(UsageError):
        encode_dicom(image_of(CHEST), **LOSSY | change)


# What is refused


def test_burned_in_text_is_refused_unless_allowed():
    data = dicom_bytes(BurnedInAnnotation="YES")
    with pytest.raises(PrivacyRefusedError, match="Burned In Annotation YES") as caught:
        decode_dicom(data)
    assert "--allow-burned-in" in caught.value.hint
    assert decode_dicom(data, allow_burned_in=True).attributes.burned_in
    assert not decode_dicom(dicom_bytes(BurnedInAnnotation="NO")).attributes.burned_in


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"PixelData": None}, "no pixel data"),
        ({"NumberOfFrames": 2}, "several frames"),
        ({"SamplesPerPixel": 3}, "in colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "in colour"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "32 of 32 bits"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "1 of 1 bits"),
        ({"HighBit": 15}, "high bit 15"),
        ({"BitsStored": 17}, "17 of 16 bits"),
        ({"PixelRepresentation": 7}, "pixel representation"),
        ({"Rows": 31}, "31 rows"),
        ({"Rows": 65535, "Columns": 65535}, "65535 rows"),
        ({"Rows": 41}, "bytes of pixel data"),
        ({"PixelData": bytes(2 * 40 * 33 + 2)}, "2642 bytes of pixel data, not 2640"),
        ({"Rows": None}, "damaged"),
        ({"BitsStored": None}, "damaged"),
    ],
    ids=str,
)
def test_unsupported_dicom_is_refused_with_the_cause(changes, cause):
    with pytest.raises(InputError, match=cause):
        decode_dicom(dicom_bytes(**changes))


def test_a_transfer_syntax_without_decoder_is_named():
    with pytest.raises(InputError, match="transfer syntax MPEG2") as caught:
        decode_dicom(compressed(JPEG_SYNTAX + "100", b"abcd"))
    assert "Explicit VR Little Endian" in caught.value.hint


def test_colour_and_multi_frame_clinical_images_are_refused(real_files):
    for name, cause in (
        ("SC_rgb.dcm", "in colour"),
        ("OBXXXX1A.dcm", "in colour"),
        ("US1_J2KR.dcm", "in colour"),
        ("emri_small.dcm", "several frames"),
        ("liver.dcm", "several frames"),
        ("OT-PAL-8-face.dcm", "not a readable DICOM"),
    ):
        with pytest.raises(InputError, match=cause):
            read_image(real_files / name)


def test_a_deflated_file_is_refused_before_it_inflates():
    data = altered(dicom_bytes(), TransferSyntaxUID=pydicom.uid.DeflatedExplicitVRLittleEndian)
    with pytest.raises(InputError, match="deflated"):
        decode_dicom(data)


@pytest.mark.parametrize("syntax", STREAMS)
def test_a_stream_of_another_size_than_the_header_never_reaches_a_decoder(syntax, monkeypatch):
    from primis.images import encapsulated

    def decoder(stream):
        pytest.fail("the decoder was called")

    monkeypatch.setitem(encapsulated._DECODERS, JPEG_SYNTAX + syntax, decoder)
    with pytest.raises(InputError, match="compressed pixel data"):
        decode_dicom(compressed(JPEG_SYNTAX + syntax, STREAMS[syntax], Rows=41))
    with pytest.raises(InputError, match="compressed pixel data"):
        decode_dicom(compressed(JPEG_SYNTAX + syntax, STREAMS[syntax][:20]))


def test_the_claimed_size_is_read_from_every_kind_of_stream():
    assert {stream_shape(stream) for stream in STREAMS.values()} == {(40, 33, 1)}
    colour = imagecodecs.jpeg_encode(np.zeros((40, 33, 3), np.uint8))
    assert stream_shape(colour) == (40, 33, 3)


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_a_dicom_element_that_cannot_be_kept_is_dropped_not_truncated():
    data = dicom_bytes(
        BodyPartExamined="Chest ",
        ViewPosition="LATERAL OBLIQUE",
        ImageLaterality=None,
        WindowWidth="0",
        PixelSpacing=None,
        RescaleSlope="0",
    )
    attributes = decode_dicom(data).attributes
    assert attributes.body_part == "CHEST"
    assert attributes.view_position is None
    assert attributes.window is None
    assert attributes.rescale is None
    assert attributes.spacing is None


def test_the_first_of_several_windows_is_kept():
    data = dicom_bytes(WindowCenter=[40, 300], WindowWidth=[80, 1500])
    assert decode_dicom(data).attributes.window == (40, 80)


def test_messages_do_not_quote_what_the_file_says_about_the_patient():
    data = dicom_bytes(PatientName="DOE^JANE", BodyPartExamined="JANE")
    messages = []
    for place in range(132, len(data) - 2640, 7):
        try:
            decode_dicom(data[:place] + b"\xff" + data[place + 1 :])
        except InputError as error:
            messages.append(f"{error} {error.hint}")
    assert messages
    assert "JANE" not in str(messages)


VALID = dicom_bytes()
SEEDS = [VALID, *(compressed(JPEG_SYNTAX + syntax, STREAMS[syntax]) for syntax in STREAMS)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS),
    st.integers(128, 2200),
    st.binary(max_size=8) | st.integers(0, 2**32 - 1).map(lambda n: struct.pack("<I", n)),
    st.booleans(),
)
def test_altered_or_truncated_dicom_gives_an_image_or_a_refusal(seed, place, patch, cut):
    data = seed[:place] + patch + (b"" if cut else seed[place + len(patch) :])
    try:
        image = decode_dicom(data)
    except (InputError, PrivacyRefusedError):
        return
    assert image.pixels.shape == (40, 33)


@given(st.binary(max_size=300))
def test_random_bytes_are_not_an_image(tail):
    for data in (tail, bytes(128) + b"DICM" + tail):
        with pytest.raises(InputError):
            decode_dicom(data)


def test_an_image_from_dicom_is_written_as_dicom_unless_asked_otherwise(tmp_path):
    write_image(image_of(CHEST), tmp_path / "image", ratio=10.0)
    assert read_image(tmp_path / "image").attributes == replace(CHEST, lossy=True)
    write_image(image_of(CHEST), tmp_path / "picture", "png")
    assert read_image(tmp_path / "picture").attributes == Attributes(bits=16)
