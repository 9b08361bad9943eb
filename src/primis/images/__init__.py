"""Images in and out of files: DICOM, PNG, JPEG, TIFF and WebP in; DICOM, PNG and NumPy out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from primis import __version__
from primis.files import read_bounded, write_atomically
from primis.images.image import Attributes, Image

__all__ = ["Attributes", "Image", "read_image", "write_image"]

MAX_FILE_BYTES = 1 << 27


def read_image(path: Path | str, *, allow_burned_in: bool = False, indices: bool = False) -> Image:
    """Read an image file; its content tells of which kind it is, not its name.

    See `primis.images.dicom.decode_dicom` for `allow_burned_in` and
    `primis.images.raster.decode_raster` for `indices`.

    Raises
    ------
    InputError
        If the file is unreadable or unsupported: see `primis.images.dicom.decode_dicom` and
        `primis.images.raster.decode_raster`.
    PrivacyRefusedError
        If a DICOM file declares Burned In Annotation YES and `allow_burned_in` is false.
    """
    data = read_bounded(Path(path), MAX_FILE_BYTES)
    if data[128:132] == b"DICM":
        from primis.images.dicom import decode_dicom

        return decode_dicom(data, str(path), allow_burned_in=allow_burned_in)
    from primis.images.raster import decode_raster

    return decode_raster(data, str(path), indices=indices)


def write_image(
    image: Image,
    path: Path | str,
    as_: Literal["dicom", "png", "npy"] | None = None,
    *,
    derivation: str = f"reconstructed by primis {__version__}",
    ratio: float | None = None,
    lossy: bool = True,
    overwrite: bool = False,
) -> None:
    """Write an image to a file, entirely or not at all.

    Parameters
    ----------
    image
        What to write.
    path
        Where to.
    as_
        `dicom`: see `primis.images.dicom.encode_dicom`. `png`: see
        `primis.images.display.full_depth`. `npy`: the pixels as they are. None: DICOM if the
        image came from DICOM, else PNG.
    derivation, ratio, lossy
        How the image came about, for DICOM.
    overwrite
        Replace a file that is already there.

    Raises
    ------
    UsageError
        If the file exists and `overwrite` is false.
    StoreError
        If the file system refuses.
    """
    if as_ == "dicom" or (as_ is None and image.attributes.source == "dicom"):
        from primis.images.dicom import encode_dicom

        data = encode_dicom(image, derivation=derivation, ratio=ratio, lossy=lossy)
    else:
        from primis.images.display import full_depth
        from primis.images.raster import encode_npy, encode_png

        data = encode_npy(image.pixels) if as_ == "npy" else encode_png(full_depth(image))
    write_atomically(Path(path), data, overwrite=overwrite)
