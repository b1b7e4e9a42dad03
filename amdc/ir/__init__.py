"""The Graph: a `torch.fx.GraphModule` over core ATen and `amdc::` operators. See `amdc.ir.graph` for its contract."""
