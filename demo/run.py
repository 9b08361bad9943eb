"""One radiograph, protected and opened through the command line: `make demo`.

Every command is shown before it runs, so that the output reads as a tutorial.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from functools import partial
from importlib.resources import files
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

import primis
from demo.picture import Panel, draw_bytes, shade, side_by_side
from primis import container
from primis.codec.bitstream import usable_length
from primis.evaluate import psnr, ssim
from primis.images import Image, read_image
from primis.images.display import full_depth
from primis.images.image import Pixels
from primis.keys import Keyring, parse_key, read_identities
from primis.obfuscation import Level, Scheme

OUTPUT = Path("demo-output")  # the working directory; all other paths are inside
STUDY, PUBLIC, PRIVATE = Path("study"), Path("public"), Path("private")
PARTNER, STUDENT, STRANGER = Path("partner"), Path("student"), Path("without-a-key")
RADIOGRAPH = STUDY / "RG1_UNCR.dcm"
MASS = (690, 1320, 280)
"""Top row, left column and side, in pixels, of the part shown enlarged."""


def main() -> None:
    """Run the demo; its results go to demo-output/."""
    parser = argparse.ArgumentParser(prog="python -m demo.run", description=__doc__)
    parser.add_argument("--picture", type=Path, help="save the comparison here, too")
    options = parser.parse_args()
    picture = options.picture and options.picture.resolve()

    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    os.chdir(OUTPUT)
    for folder in (STUDY, PRIVATE, STRANGER):
        folder.mkdir()
    shutil.copyfile(str(files("data_store") / "data" / RADIOGRAPH.name), RADIOGRAPH)

    print(f"Commands run in {OUTPUT}/.")
    public = protect()
    grant(public)
    reconstruct(public)
    results(public, picture)


def protect() -> Path:
    """Make the public file; return its path."""
    say("The owner makes an identity, and protects a radiograph.")
    run("keygen", "-o", PRIVATE / "owner.txt")
    run("protect", STUDY, "-o", PUBLIC, *owner())
    (public,) = PUBLIC.iterdir()

    say("This is all that a stranger can read from the public file.")
    run("inspect", public)
    return public


def grant(public: Path) -> None:
    """Give keys to others."""
    say("A partner may see all of it, a student only the preview. Both told the owner a recipient.")
    for name, level in (("partner", "full"), ("student", "preview")):
        recipient = run("keygen", "-o", PRIVATE / f"{name}.txt").strip()
        run("grant", *owner(), "--to", recipient, "--level", level, "-o", PRIVATE / f"{name}.age")

    say("The key of a single image is also a line of text, to read out or to type.")
    run("grant", *owner(), "--only", public.stem, "--as-text", "-o", PRIVATE / "image-key.txt")


def reconstruct(public: Path) -> None:
    """Open the public file with different keys."""
    say("The partner opens the public file, as DICOM and as PNG.")
    run("reconstruct", public, *holder("partner"), "-o", PARTNER, "--as", "dicom")
    run("reconstruct", public, *holder("partner"), "-o", PARTNER, "--as", "png")

    say("The student's grant opens the preview.")
    run("reconstruct", public, *holder("student"), "-o", STUDENT, "--as", "png")

    say("A stranger got hold of the partner's grant, and tries it with an identity of his own.")
    run("keygen", "-o", PRIVATE / "stranger.txt")
    run("reconstruct", public, *holder("partner", "stranger"), "-o", STRANGER, expected=4)


def owner() -> tuple[str | Path, ...]:
    """Options with which the owner uses the keyring."""
    return "-k", PRIVATE / "owner.keyring", "-i", PRIVATE / "owner.txt"


def holder(grantee: str, user: str | None = None) -> tuple[str | Path, ...]:
    """Options with which `user`, or else the grantee, uses a grant."""
    return "-k", PRIVATE / f"{grantee}.age", "-i", PRIVATE / f"{user or grantee}.txt"


def results(public: Path, picture: Path | None) -> None:
    """Measure and draw what the commands left."""
    original = read_image(RADIOGRAPH)
    truth = full_depth(original)
    partner = full_depth(read_image(PARTNER / f"{public.stem}.dcm"))
    student = read_image(STUDENT / f"{public.stem}.png").pixels
    full, preview = fidelity(truth, partner), fidelity(truth, student)

    data = public.read_bytes()
    noise = draw_bytes(data, truth.shape)
    guess = read_as_codes(data)
    for name, pixels in (("bytes", noise), ("read-as-codes", guess)):
        PillowImage.fromarray(pixels).save(STRANGER / f"{name}.png")

    tone = partial(shade, ends=np.percentile(truth, (0.5, 99.5)))
    comparison = side_by_side(
        [
            Panel("Original", f"{truth.nbytes:,} bytes", tone(truth)),
            Panel("Partner: full", "{:.1f} dB, SSIM {:.3f}".format(*full), tone(partner)),
            Panel("Student: preview", "{:.1f} dB, SSIM {:.3f}".format(*preview), tone(student)),
            Panel("No key: public bytes", f"{len(data):,} bytes, drawn as pixels", noise),
            Panel("No key: decoded anyway", "the same bytes, taken for codes", guess),
        ],
        MASS,
    )
    comparison.save("comparison.png")
    if picture:
        comparison.save(picture, quality=80, optimize=True)

    say("What it took, and what came back.")
    key = parse_key((PRIVATE / "image-key.txt").read_text())
    print(f"{'':16}{'bytes':>12}{'bits per pixel':>16}{'PSNR (dB)':>12}{'SSIM':>8}")
    for name, size in (
        ("original pixels", truth.nbytes),
        ("public file", len(data)),
        ("key", len(key.material)),
    ):
        print(f"{name:16}{size:12,}{8 * size / truth.size:16.4f}")
    for name, (decibels, similarity) in (("full access", full), ("preview access", preview)):
        print(f"{name:16}{'':28}{decibels:12.2f}{similarity:8.4f}")

    say("Both schemes, level full, in one process after start-up.")
    print(
        f"{'':16}{'public file':>12}{'key':>16}{'PSNR (dB)':>12}{'protect':>12}{'reconstruct':>12}"
    )
    for scheme in Scheme:
        print(scheme_row(original, scheme))

    print(f"\nSee {OUTPUT}/comparison.png. Only {OUTPUT}/{PUBLIC}/ is for everybody; what is in")
    print(f"{OUTPUT}/{PRIVATE}/ each person would keep on a machine of their own.")


def fidelity(truth: Pixels, image: Pixels) -> tuple[float, float]:
    """PSNR (dB) and SSIM, over the whole range of values."""
    peak = float(np.iinfo(truth.dtype).max)
    return psnr(truth, image, peak), ssim(truth, image, peak)


def read_as_codes(data: bytes) -> NDArray[np.uint8]:
    """Decode the sealed bytes as if they were code bytes: any bytes are the code of something."""
    public = container.parse(data)
    codec = primis.Codec.of_model(public.header.model)
    bodies = [
        payload[: usable_length(level, len(payload))]
        for level, payload in enumerate(public.payloads)
    ]
    codes = codec.unpack((public.header.rows, public.header.columns), bodies)
    image = codec.decode_exactly(codes)
    return shade(image, np.percentile(image, (0.5, 99.5)))


def scheme_row(image: Image, scheme: Scheme) -> str:
    """Protect and reconstruct, and tell the sizes, the quality and the seconds."""
    keyring = Keyring.load(PRIVATE / "owner.keyring", read_identities(PRIVATE / "owner.txt"))
    corner = Image(image.pixels[:512, :512].copy(), image.attributes)
    for part in (corner, image):  # the first is not counted: it loads the networks
        start = perf_counter()
        public = primis.protect(part, keyring, name=RADIOGRAPH.name, scheme=scheme)
        middle = perf_counter()
        opened = primis.reconstruct(public.data, keyring, level=Level.FULL)
        end = perf_counter()
    material = keyring.image_key(public.image_id, Level.FULL).material
    key = len(material) if isinstance(material, bytes) else sum(map(len, material))
    decibels, _ = fidelity(full_depth(image), full_depth(opened.image))
    return (
        f"{scheme.name.lower():16}{len(public.data):12,}{key:16,}{decibels:12.2f}"
        f"{middle - start:10.2f} s{end - middle:10.2f} s"
    )


def say(words: str) -> None:
    """Print a heading."""
    print(f"\n# {words}")


def run(*arguments: str | Path, expected: int = 0) -> str:
    """Show and run one primis command; return what it wrote to standard output."""
    words = [str(argument) for argument in arguments]
    print("$", shlex.join(["primis", *words]), flush=True)
    program = Path(sysconfig.get_path("scripts")) / "primis"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    print(textwrap.indent(done.stdout + done.stderr, "  "), end="", flush=True)
    if done.returncode != expected:
        sys.exit(f"demo: expected exit code {expected}, got {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
