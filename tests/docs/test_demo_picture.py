"""The comparison that the demo draws."""

import numpy as np

from demo.picture import GAP, WIDTH, Panel, draw_bytes, shade, side_by_side


def test_bytes_are_drawn_in_their_order_one_grey_square_each():
    drawn = draw_bytes(bytes([0, 80, 160, 240]), (20, 20))
    assert drawn[::10, ::10].tolist() == [[0, 80], [160, 240]]
    assert np.unique(drawn).size == 4


def test_shading_spans_black_to_white_and_clips_beyond():
    assert shade(np.array([[5, 10, 20, 30]]), (10, 20)).tolist() == [[0, 0, 255, 255]]


def test_panels_stand_side_by_side_with_the_part_enlarged_below():
    pixels = np.zeros((720, 720), np.uint8)
    pixels[100:200, 300:400] = 200
    picture = np.asarray(side_by_side([Panel("a", "b", pixels)] * 2, (100, 300, 100)))
    assert picture.shape[1] == GAP + 2 * (WIDTH + GAP)
    enlarged = picture[-GAP - WIDTH : -GAP, GAP : GAP + WIDTH]
    assert (enlarged == 200).all()
