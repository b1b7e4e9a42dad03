"""Profiles: what each launch of a run takes, and why. On the simulated card all times are predicted by its timing model; on a
real one they are measured with events. Needs numpy alone, as the runtime does.

profile = amdc.profile.profile(Bundle.open("model.amdc"), inputs, "sim")
"""

from amdc.profile.profiler import profile
from amdc.profile.records import Profile

__all__ = ["Profile", "profile"]
