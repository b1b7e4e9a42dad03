"""The templates that read at computed positions, and those of small matrices."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter


def _flag(name: str, meaning: str) -> Parameter:
    return Parameter(name, meaning, values=(0, 1))


GRID_SAMPLE = KernelTemplate(
    "grid_sample",
    "grid_sample.hip",
    "an image or a volume read at the positions that a grid holds",
    (
        Parameter("RANK", "spatial dimensions", values=(2, 3)),
        Parameter("MODE", "0 linear, 1 nearest, 2 cubic", values=(0, 1, 2)),
        Parameter("PADDING", "0 zeros, 1 border, 2 reflection", values=(0, 1, 2)),
        _flag("ALIGN", "1: -1 and 1 are the corners' centres"),
        Parameter("CHANNELS", "channels a lane", 1, 64),
    ),
)
DEFORM_COLUMNS = KernelTemplate(
    "deform_columns",
    "deform_columns.hip",
    "the columns of a convolution as a matrix product, moved by offsets",
    (_flag("OFFSET", "1: taps are moved"), _flag("MASK", "1: and scaled")),
)
COL2IM = KernelTemplate("col2im", "col2im.hip", "overlapping blocks added up into an image")
ROI_ALIGN = KernelTemplate(
    "roi_align",
    "roi_align.hip",
    "regions of feature maps pooled to a fixed size",
    (
        Parameter("SAMPLES", "samples along a bin, 0: as many as pixels", 0, 1024),
        _flag("LARGEST", "1: the largest instead of the mean"),
        _flag("HALF_PIXEL", "1: coordinates are moved by half a pixel"),
    ),
)
DET = KernelTemplate(
    "det",
    "det.hip",
    "determinants of small matrices",
    (Parameter("N", "rows of a matrix", 1, 88),),
    block=(64, 1, 1),
)
ADAPTIVE_MAX_POOL = KernelTemplate(
    "adaptive_max_pool", "adaptive_max_pool.hip", "the largest elements of windows that share out a volume"
)
