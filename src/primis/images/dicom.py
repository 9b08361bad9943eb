"""DICOM in and out: single-frame grey-scale images.

What is read, what is ignored, what is written and why is described in `docs/dicom.md`.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from primis import __version__
from primis.errors import InputError, PrimisError, PrivacyRefusedError, UsageError
from primis.images.display import window
from primis.images.image import Attributes, Image, Photometric, check_size

if TYPE_CHECKING:
    from pydicom import Dataset

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED = b"1.2.840.10008.1.2.1.99"
_LOSSY_SYNTAXES = {  # those that may be lossy count as such
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.112",  # JPEG XL
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
}
_READ = [  # nothing else is ever parsed
    "SpecificCharacterSet",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "Modality",
    "ViewPosition",
    "Laterality",
    "ImageLaterality",
    "BodyPartExamined",
]


def decode_dicom(
    data: bytes, name: str = "the DICOM file", *, allow_burned_in: bool = False
) -> Image:
    """Decode a grey-scale, single-frame DICOM image.

    Uncompressed, RLE, JPEG, JPEG-LS and JPEG 2000 transfer syntaxes are accepted. Look-up
    tables, overlays and Pixel Padding Value are ignored; so is every element that is not needed.

    Parameters
    ----------
    data
        Content of the file.
    name
        What messages call it.
    allow_burned_in
        Accept an image whose Burned In Annotation is YES.

    Returns
    -------
    Image
        Of the stored values, made unsigned.

    Raises
    ------
    InputError
        If the file is unreadable, not DICOM, or not of the supported kind: one frame, one sample
        per pixel, MONOCHROME1 or MONOCHROME2, 8 or 16 bits allocated, sides of 32 to 4096.
    PrivacyRefusedError
        If text may be burned into the pixels and `allow_burned_in` is false.
    """
    if data[128:132] != b"DICM":
        raise InputError(f"{name} is not a DICOM file")
    if DEFLATED in data:  # it would inflate without bound
        raise InputError(
            f"{name} uses the deflated transfer syntax, which is not supported",
            hint="convert it to Explicit VR Little Endian first",
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # pydicom's would quote values
            return _read(name, data, allow_burned_in)
    except (PrimisError, ImportError):
        raise
    except Exception as error:  # pydicom and its decoders raise nearly anything on hostile files
        raise InputError(f"{name} is a damaged DICOM file ({type(error).__name__})") from error


def encode_dicom(image: Image, *, derivation: str, ratio: float | None, lossy: bool) -> bytes:
    """Encode an image as a new, de-identified Secondary Capture object.

    It gets fresh random UIDs, Image Type DERIVED and SECONDARY, a window and a rescale always, and
    no dates. Bits Stored, sign, photometric interpretation and the other attributes are those of
    the image's source.

    Parameters
    ----------
    image
        What to write.
    derivation
        Derivation Description, 1 to 1024 characters: how the image came about.
    ratio
        Lossy Image Compression Ratio, above 0: size of the original pixels over that of the
        compressed ones. None if unknown.
    lossy
        The pixels differ from the source's: Lossy Image Compression is 01 and says so for ever.
        It is also 01 where the source had been compressed with loss; otherwise it is absent, as
        the source's past is unknown.

    Raises
    ------
    UsageError
        If `derivation` or `ratio` is outside its range.
    """
    if not 1 <= len(derivation) <= 1024 or not derivation.isprintable():
        raise UsageError("a derivation description takes 1 to 1024 printable characters")
    if ratio is not None and not (math.isfinite(ratio) and ratio > 0):
        raise UsageError(f"a compression ratio is above 0, not {ratio}")
    from pydicom import Dataset
    from pydicom.uid import UID

    dataset = Dataset()
    dataset.file_meta = _file_meta()
    dataset.SOPClassUID = UID(_SECONDARY_CAPTURE)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _identify(dataset)
    _describe(dataset, image)
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.DerivationDescription = derivation
    if lossy or image.attributes.lossy:
        dataset.LossyImageCompression = "01"
    if lossy:
        dataset.LossyImageCompressionMethod = "PRIMIS"
        if ratio is not None:
            dataset.LossyImageCompressionRatio = _decimal(ratio)
        dataset.DerivationCodeSequence = [_code("113040", "Lossy Compression")]
    values = image.pixels.astype(np.int32) - image.attributes.offset
    kind = "i" if image.attributes.signed else "u"
    dataset.set_pixel_data(
        values.astype(f"{kind}{image.pixels.itemsize}"),
        image.attributes.photometric,
        image.bits,
        generate_instance_uid=False,
    )
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE_ENDIAN)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _read(name: str, data: bytes, allow_burned_in: bool) -> Image:
    from pydicom import dcmread

    dataset = dcmread(io.BytesIO(data), specific_tags=_READ)
    burned_in = "YES" in _text(dataset.get("BurnedInAnnotation"))
    if burned_in and not allow_burned_in:
        raise PrivacyRefusedError(
            f"{name} declares Burned In Annotation YES: every key holder could read the text",
            hint="clean the pixels, or pass --allow-burned-in",
        )
    _refuse_unsupported(name, dataset)
    check_size(name, dataset.Rows, dataset.Columns)
    attributes = _attributes(dataset, burned_in)
    meaningful = (1 << attributes.bits) - 1
    stored = _stored_values(name, dataset).astype(np.int32) & meaningful
    # In two's complement, flipping the sign bit adds the offset.
    return Image((stored ^ attributes.offset).astype(attributes.dtype), attributes)


def _refuse_unsupported(name: str, dataset: Dataset) -> None:
    if "PixelData" not in dataset:
        raise InputError(f"{name} has no pixel data")
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise InputError(
            f"{name} has several frames; only single-frame images are supported",
            hint="split it into single frames first",
        )
    photometric = dataset.PhotometricInterpretation
    if dataset.SamplesPerPixel != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise InputError(f"{name} is in colour; only grey-scale images are supported")
    allocated, stored = dataset.BitsAllocated, dataset.BitsStored
    if allocated not in (8, 16) or not 1 <= stored <= allocated or dataset.HighBit != stored - 1:
        raise InputError(
            f"{name} has {stored} of {allocated} bits with high bit {dataset.HighBit};"
            " supported are up to 16 bits, in the low bits of 8 or 16"
        )
    if dataset.PixelRepresentation not in (0, 1):
        raise InputError(f"{name} has an unknown pixel representation")


def _stored_values(name: str, dataset: Dataset) -> NDArray[Any]:
    """Decode pixel data that is exactly one frame of the size that the header says."""
    from pydicom.encaps import get_frame

    from primis.images.encapsulated import can_decode, decode_stream

    rows, columns, syntax = dataset.Rows, dataset.Columns, dataset.file_meta.TransferSyntaxUID
    size = rows * columns * dataset.BitsAllocated // 8
    if not syntax.is_compressed:
        if len(dataset.PixelData) != size + size % 2:
            raise InputError(
                f"{name} has {len(dataset.PixelData)} bytes of pixel data, not {size + size % 2}"
            )
        return dataset.pixel_array
    if syntax.name != "RLE Lossless" and not can_decode(syntax):
        raise InputError(
            f"{name} uses transfer syntax {syntax.name}, which is not supported",
            hint="convert it to Explicit VR Little Endian first",
        )
    try:
        stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
        if len(stream) > 2 * size + 65536:  # bounds what run lengths expand to
            raise ValueError("the stream is far longer than the pixels")
        if can_decode(syntax):
            return decode_stream(syntax, stream, rows, columns)
        return dataset.pixel_array
    except Exception as error:  # decoders raise nearly anything on hostile streams
        raise InputError(f"{name} has compressed pixel data that is damaged") from error


def _attributes(dataset: Dataset, burned_in: bool) -> Attributes:
    spacing = _pair(dataset.get("PixelSpacing"), floor=0)
    imager_spacing = _pair(dataset.get("ImagerPixelSpacing"), floor=0)
    rescale = _pair([_first(dataset.get(f"Rescale{part}")) for part in ("Slope", "Intercept")])
    shown = _pair([_first(dataset.get(f"Window{part}")) for part in ("Center", "Width")])
    photometric: Photometric = dataset.PhotometricInterpretation
    return Attributes(
        bits=dataset.BitsStored,
        source="dicom",
        photometric=photometric,
        signed=dataset.PixelRepresentation == 1,
        rescale=rescale if rescale and rescale[0] else None,
        window=shown if shown and shown[1] > 0 else None,
        spacing=spacing or imager_spacing,
        spacing_at_imager=not spacing and bool(imager_spacing),
        lossy=_text(dataset.get("LossyImageCompression")) == "01"
        or dataset.file_meta.TransferSyntaxUID in _LOSSY_SYNTAXES,
        burned_in=burned_in,
        modality=_code_string(dataset.get("Modality"), "modality"),
        view_position=_code_string(dataset.get("ViewPosition"), "view_position"),
        laterality=_code_string(
            dataset.get("ImageLaterality") or dataset.get("Laterality"), "laterality"
        ),
        body_part=_code_string(dataset.get("BodyPartExamined"), "body_part"),
    )


def _first(value: Any) -> Any:
    """First of several values: of alternative windows, DICOM puts the preferred one first."""
    return value[0] if isinstance(value, (list, tuple)) or hasattr(value, "insert") else value


def _pair(values: Any, floor: float = -math.inf) -> tuple[float, float] | None:
    """Two numbers above `floor` that single precision can hold, else None."""
    try:
        first, second = (float(value) for value in values)
        with np.errstate(over="ignore"):
            held = [float(np.float32(value)) for value in (first, second)]
    except (TypeError, ValueError):
        return None
    usable = all(math.isfinite(value) and value > floor for value in held)
    return (first, second) if usable else None


def _text(value: Any) -> str:
    return str(value or "").strip().upper()


def _code_string(value: Any, field: str) -> str | None:
    """Give the value in the form that attribute `field` takes; None if it does not fit."""
    text = _text(value)
    try:
        Attributes(**{field: text})  # type: ignore[arg-type]
    except UsageError:
        return None
    return text


def _file_meta() -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.ImplementationClassUID = UID("2.25.186674991494741217770393914842441391157")
    meta.ImplementationVersionName = f"PRIMIS {__version__}"[:16]
    return meta


def _identify(dataset: Dataset) -> None:
    """Give the object its own identity and nobody else's (PS3.15 annex E)."""
    from pydicom import Dataset
    from pydicom.uid import generate_uid

    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, generate_uid(prefix=None))
    for keyword in (  # of type 2: present, though empty
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
        "SeriesNumber",
        "InstanceNumber",
        "PatientOrientation",
    ):
        setattr(dataset, keyword, None)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "primis: only listed attributes kept, see docs/dicom.md"
    dataset.DeidentificationMethodCodeSequence = [
        _code("113100", "Basic Application Confidentiality Profile")
    ]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    equipment = Dataset()
    equipment.Manufacturer = "primis"
    equipment.SoftwareVersions = __version__
    equipment.PurposeOfReferenceCodeSequence = [_code("109104", "De-identifying Equipment")]
    dataset.ContributingEquipmentSequence = [equipment]


def _describe(dataset: Dataset, image: Image) -> None:
    """Write the attributes that came with the image, and those that follow from them."""
    attributes = image.attributes
    dataset.Modality = attributes.modality or "OT"
    dataset.ConversionType = "WSD"
    slope, intercept = attributes.rescale or (1.0, 0.0)
    dataset.RescaleSlope = _decimal(slope)
    dataset.RescaleIntercept = _decimal(intercept)
    dataset.RescaleType = "HU" if attributes.modality == "CT" and attributes.rescale else "US"
    center, width = window(image)
    dataset.WindowCenter = _decimal(center)
    dataset.WindowWidth = _decimal(width)
    if attributes.spacing:
        keyword = "ImagerPixelSpacing" if attributes.spacing_at_imager else "PixelSpacing"
        setattr(dataset, keyword, [_decimal(value) for value in attributes.spacing])
    if attributes.burned_in:
        dataset.BurnedInAnnotation = "YES"
    for keyword, value in (
        ("ViewPosition", attributes.view_position),
        ("ImageLaterality", attributes.laterality),
        ("BodyPartExamined", attributes.body_part),
    ):
        if value:
            setattr(dataset, keyword, value)


def _code(value: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = meaning
    return code


def _decimal(value: float) -> str:
    """Write as a decimal string of at most 16 characters that gives a float32 back exactly."""
    return f"{value:.9g}"
