"""Benchmarks of primis against the codecs its users would pick instead.

Run from the repository root; see `docs/BENCHMARKS.md`.
"""
