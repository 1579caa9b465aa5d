"""Faults of every kind, against every promise: the scenarios of the study (supervision, F.3), and who looks on.

`register` knows what a scenario is, `study` which ones there have to be, `scenarios/` holds them, `faults/` is what they strike with,
`observer/` is the process that judges, and `runner` runs them.
"""
