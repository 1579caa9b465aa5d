"""A process beside the one under test that looks at /proc, at cgroups, at the database and at what `claudine` says, all the time.

It knows nothing of the scenario. What has to hold always is an invariant (studies of supervision, F.1); one that does not hold at any
look is a violation, and fails the scenario whatever else came of it.
"""
