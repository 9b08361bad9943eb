"""Attacks on public files, and on the restraint of key holders (extra ``[attacks]``).

`record`
    `AttackResult`: what every attack reports.
`targets`
    What the public sees under each way of hiding an image, and the truth.
`attack`
    `Settings`, and `Attack`, an entry of a list of attacks.
`supervised`
    Attackers who learn from pairs of image and public file made under keys of their own, and
    the inside view, where a lower level takes the place of the public file.
`unsupervised`, `side_channels`
    Attackers who have only the files, and what surrounds them.

Each of the last three packages has a tuple ``ATTACKS`` of `attack.Attack`. Importing it is cheap.
"""
