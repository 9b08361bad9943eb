"""Attackers who learn from known pairs, outside and inside.

`corpus` publishes a data set under a target and gives arrays; `learner` has the networks that
read them; `scoring` compares with what could be had without the file; one module per attack.
"""

from __future__ import annotations

from primis.attacks.attack import Attack

_HERE = __name__

ATTACKS = (
    Attack("inversion", "supervised", "recover the image", f"{_HERE}.inversion"),
    Attack("attribute", "supervised", "tell sick from healthy", f"{_HERE}.attribute"),
    Attack(
        "support", "supervised", "tell true values from noise, and their signs", f"{_HERE}.support"
    ),
    Attack("linkage", "supervised", "find files of one patient", f"{_HERE}.linkage"),
    Attack(
        "re-identification",
        "supervised",
        "find the file of a patient by another image of his",
        f"{_HERE}.reidentification",
    ),
    Attack(
        "verification",
        "supervised",
        "tell whether a file holds a given image",
        f"{_HERE}.verification",
    ),
    Attack(
        "inside view", "inside view", "learn more from a level than it shows", f"{_HERE}.inside"
    ),
)
