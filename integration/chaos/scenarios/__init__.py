"""The scenarios, a module for each part of the study's list. Importing a module enters its scenarios into the register."""

from . import clocks, controls, output, ownership, protocol, resources, shepherd, signals, soak, supervisor, trees, volume

MODULES = (controls, shepherd, supervisor, signals, trees, resources, clocks, volume, soak, ownership, protocol, output)
