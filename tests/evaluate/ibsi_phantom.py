"""The digital phantom of the IBSI and its published features.

Voxels and values: Image Biomarker Standardisation Initiative, reference manual (arXiv 1612.07003),
chapters "Reference data sets" and "Image biomarkers": aggregation by slice, directions merged.
"""

import numpy as np

_SLICES = """
14411 14611 41641 44641
14411 11611 .1311 44611
144.. 11111 11.11 11611
144.. 11111 11111 11611
"""

SLICES = np.array([[int(c) for c in row.replace(".", "0")] for row in _SLICES.split()], np.uint8)
SLICES = SLICES.reshape(4, 4, 5)
"""Grey levels 1 to 6, (slices, rows, columns); 0 is outside the region."""

LEVELS = 6

_INTENSITY = """
stat_mean 2.15 stat_var 3.05 stat_skew 1.08 stat_kurt -0.355 stat_median 1 stat_min 1 stat_p10 1
stat_p90 4 stat_max 6 stat_iqr 3 stat_range 5 stat_mad 1.55 stat_rmad 1.11 stat_medad 1.15
stat_cov 0.812 stat_qcod 0.6 stat_energy 567 stat_rms 2.77
ih_mean 2.15 ih_var 3.05 ih_skew 1.08 ih_kurt -0.355 ih_median 1 ih_min 1 ih_p10 1 ih_p90 4
ih_max 6 ih_mode 1 ih_iqr 3 ih_range 5 ih_mad 1.55 ih_rmad 1.11 ih_medad 1.15 ih_cov 0.812
ih_qcod 0.6 ih_entropy 1.27 ih_uniformity 0.512 ih_max_grad 8 ih_max_grad_g 3 ih_min_grad -50
ih_min_grad_g 1
"""

_TEXTURE = """
cm_joint_max 0.512 cm_joint_avg 2.14 cm_joint_var 2.71 cm_joint_entr 2.24 cm_diff_avg 1.4
cm_diff_var 3.06 cm_diff_entr 1.49 cm_sum_avg 4.29 cm_sum_var 5.66 cm_sum_entr 1.79
cm_energy 0.352 cm_contrast 5.19 cm_dissimilarity 1.4 cm_inv_diff 0.683 cm_inv_diff_norm 0.854
cm_inv_diff_mom 0.625 cm_inv_diff_mom_norm 0.901 cm_inv_var 0.0553 cm_corr 0.0173
cm_auto_corr 5.14 cm_clust_tend 5.66 cm_clust_shade 6.98 cm_clust_prom 80.4
cm_info_corr1 -0.0341 cm_info_corr2 0.263
rlm_sre 0.661 rlm_lre 3.51 rlm_lgre 0.609 rlm_hgre 9.74 rlm_srlge 0.311 rlm_srhge 8.67
rlm_lrlge 2.92 rlm_lrhge 16.1 rlm_glnu 20.5 rlm_glnu_norm 0.456 rlm_rlnu 21.6
rlm_rlnu_norm 0.441 rlm_r_perc 0.627 rlm_gl_var 3.37 rlm_rl_var 0.778 rlm_rl_entr 2.57
szm_sze 0.363 szm_lze 43.9 szm_lgze 0.371 szm_hgze 16.4 szm_szlge 0.0259 szm_szhge 10.3
szm_lzlge 40.4 szm_lzhge 113 szm_glnu 1.41 szm_glnu_norm 0.323 szm_zsnu 1.49
szm_zsnu_norm 0.333 szm_z_perc 0.24 szm_gl_var 3.97 szm_zs_var 21 szm_zs_entr 1.93
dzm_sde 0.946 dzm_lde 1.21 dzm_lgze 0.371 dzm_hgze 16.4 dzm_sdlge 0.367 dzm_sdhge 15.2
dzm_ldlge 0.386 dzm_ldhge 21.3 dzm_glnu 1.41 dzm_glnu_norm 0.323 dzm_zdnu 3.79
dzm_zdnu_norm 0.898 dzm_z_perc 0.24 dzm_gl_var 3.97 dzm_zd_var 0.051 dzm_zd_entr 1.73
ngt_coarseness 0.121 ngt_contrast 0.925 ngt_busyness 2.99 ngt_complexity 10.4 ngt_strength 2.88
ngl_lde 0.158 ngl_hde 19.2 ngl_lgce 0.702 ngl_hgce 7.49 ngl_ldlge 0.0473 ngl_ldhge 3.06
ngl_hdlge 17.6 ngl_hdhge 49.5 ngl_glnu 10.2 ngl_glnu_norm 0.562 ngl_dcnu 3.96
ngl_dcnu_norm 0.212 ngl_dc_perc 1 ngl_gl_var 2.7 ngl_dc_var 2.73 ngl_dc_entr 2.71
ngl_dc_energy 0.17
"""


def _table(text: str) -> dict[str, float]:
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


INTENSITY = _table(_INTENSITY)
"""Of all voxels together."""

TEXTURE = _table(_TEXTURE)
"""Computed in each slice; means of the four."""
