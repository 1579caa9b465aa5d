"""The scenarios, a module for each part of the study's list. Importing a module enters its scenarios into the register."""

from . import clocks, output, ownership, protocol, resources, shepherd, signals, soak, supervisor, trees

MODULES = (shepherd, supervisor, signals, trees, resources, clocks, soak, ownership, protocol, output)
