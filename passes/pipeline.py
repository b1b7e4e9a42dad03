"""The order of the passes, as data: one line a pass, with the levels that run it and why it stands there."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.pass_manager import Pass
from amdc.passes.canonicalize import Canonicalize
from amdc.passes.collapse_affine import CollapseAffine
from amdc.passes.common_subexpressions import CommonSubexpressions
from amdc.passes.dead_code import DeadCode
from amdc.passes.fold_batch_norm import FoldBatchNorm
from amdc.passes.fold_channels_last import FoldChannelsLast
from amdc.passes.fold_constants import FoldConstants
from amdc.passes.fold_padding import FoldPadding
from amdc.passes.fold_pool_padding import FoldPoolPadding
from amdc.passes.fuse_activation import FuseActivation
from amdc.passes.fuse_attention import FuseAttention
from amdc.passes.fuse_bottleneck import FuseBottleneck
from amdc.passes.fuse_convolution_pool import FuseConvolutionPool
from amdc.passes.fuse_elementwise import FuseElementwise
from amdc.passes.fuse_embeddings import FuseEmbeddings
from amdc.passes.fuse_epilogue import FuseEpilogue
from amdc.passes.fuse_expand_depthwise import FuseExpandDepthwise
from amdc.passes.fuse_norm_affine import FuseNormAffine
from amdc.passes.fuse_norm_attention import FuseNormAttention
from amdc.passes.fuse_norm_mlp import FuseNormMlp
from amdc.passes.fuse_norm_product import FuseNormProduct
from amdc.passes.fuse_normalization import FuseNormalization
from amdc.passes.fuse_pool_convolution import FusePoolConvolution
from amdc.passes.fuse_pooled_linear import FusePooledLinear
from amdc.passes.fuse_prologue import FusePrologue
from amdc.passes.fuse_residual_norm import FuseResidualNorm
from amdc.passes.fuse_rows import FuseRows
from amdc.passes.join_keys import JoinKeys
from amdc.passes.merge_branches import MergeBranches
from amdc.passes.merge_projections import MergeProjections
from amdc.passes.merge_siblings import MergeSiblings
from amdc.passes.pack_weights import PackWeights
from amdc.passes.rotate_halves import RotateHalves
from amdc.passes.sink_permutes import SinkPermutes
from amdc.passes.sink_views import SinkViews


@dataclass(frozen=True)
class Step:
    """A pass, the lowest level that runs it, and why it stands where it stands."""

    made: Pass
    level: int
    why: str


STEPS = (
    Step(FoldConstants(), 1, "first: whether an operand is constant decides most rules that follow"),
    Step(Canonicalize(), 1, "one spelling each, before the passes that look for it"),
    Step(FoldConstants(), 1, "again: canonical forms compute on constants, such as a scaled bias"),
    Step(RotateHalves(), 1, "on the canonical spelling, before its negation is fused with others"),
    Step(FuseAttention(), 1, "on the canonical spelling, before its scales and softmax are taken by other passes"),
    Step(FuseNormalization(), 1, "on the canonical spelling, before other passes take its parts for themselves"),
    Step(FuseNormAffine(), 1, "behind it: scale and shift follow the norm that it made"),
    Step(FuseActivation(), 1, "before constants are collapsed into neighbours, which would hide a spelling's own"),
    Step(FuseEmbeddings(), 1, "before views sink: the view of its result then leaves the norm behind it"),
    Step(SinkPermutes(), 1, "before views sink: channels-last exports then have their views next to the anchors"),
    Step(SinkViews(), 1, "before what matches chains of operators: a view between two of them would hide the chain"),
    Step(Canonicalize(), 1, "again: views and permutations that sank meet others"),
    Step(FoldConstants(), 1, "the views of constants that sinking made"),
    Step(CollapseAffine(), 1, "several batch norms and scales in a row become one, which then folds as a whole"),
    Step(FoldPadding(), 1, "before batch-norm folding and packing, which carry the convolution's padding along"),
    Step(FoldPoolPadding(), 1, "beside it: what pads a pooling"),
    Step(FoldBatchNorm(), 1, "before fusion: a folded batch norm costs nothing, a fused one still multiplies and adds"),
    Step(FoldChannelsLast(), 2, "behind all that folds padding and batch norms into the convolution it changes"),
    Step(MergeBranches(), 2, "behind all that changes weights and biases, and before a concatenation's parts become regions"),
    Step(MergeSiblings(), 2, "behind it, which takes what ends in a concatenation; before weights are laid out"),
    Step(MergeProjections(), 2, "behind all that changes weights and biases, and before these are laid out for the kernels"),
    Step(JoinKeys(), 2, "behind what looks for attention through a concatenation"),
    Step(PackWeights(), 2, "behind all that changes weights, before fusion, which hides operators in regions"),
    Step(FuseExpandDepthwise(), 2, "on packed weights, and before epilogues hide activations and convolutions in regions"),
    Step(FuseBottleneck(), 2, "on packed weights, and before epilogues and prologues hide its parts in regions"),
    Step(FuseConvolutionPool(), 2, "on packed weights, and before an epilogue hides the ReLU between"),
    Step(FusePoolConvolution(), 2, "on packed weights, and before an epilogue hides a convolution in a region"),
    Step(FusePooledLinear(), 2, "on packed weights, and before an epilogue takes a bias that a softmax waits for"),
    Step(FuseNormProduct(), 2, "on packed weights, and before an epilogue hides a product in a region"),
    Step(FuseNormMlp(), 2, "on the norms' products that it made, before epilogues hide activations in regions"),
    Step(FuseNormAttention(), 2, "beside it, and behind what joins a step's keys with a cache"),
    Step(FuseEpilogue(), 1, "before the prologue: what stands between two convolutions is computed once behind the first"),
    Step(FusePrologue(), 1, "what no epilogue took, because a concatenation or a pooling comes before it"),
    Step(FuseResidualNorm(), 1, "behind the epilogues, which compute most sums; before a norm hides in a region"),
    Step(FuseRows(), 1, "behind the epilogues, which compute a value once where a row's kernel may compute it three times"),
    Step(FuseElementwise(), 1, "last: the point-wise operators that no anchor took"),
)

# After each pass that changed the graph, so no pass needs to clean up behind itself or to expect leftovers.
CLEANUP = (DeadCode(), CommonSubexpressions())


def passes_for(level: int) -> tuple[Pass, ...]:
    """The passes of an optimisation level, in order; at level 0 none, so the graph is compiled as it was imported."""
    return tuple(step.made for step in STEPS if level >= step.level)


def cleanup_for(level: int) -> tuple[Pass, ...]:
    return CLEANUP if level > 0 else ()


def known_passes() -> dict[str, type[Pass]]:
    """All passes by name, for `amdc opt` and for reproducers."""
    return {made.name: type(made) for made in (*(step.made for step in STEPS), *CLEANUP)}
