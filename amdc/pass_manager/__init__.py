"""Runs passes over a Graph, and checks after each that it kept its promises."""

from amdc.pass_manager.base import Pass, PassContext, PassResult
from amdc.pass_manager.pipeline import PassTime, run_pipeline
from amdc.pass_manager.reproducer import replay

__all__ = ["Pass", "PassContext", "PassResult", "PassTime", "replay", "run_pipeline"]
