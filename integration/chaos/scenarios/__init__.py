"""The scenarios, a module for each part of the study's list. Importing a module enters its scenarios into the register."""

from . import protocol, resources, shepherd, signals, soak, supervisor, trees

MODULES = (shepherd, supervisor, signals, trees, resources, soak, protocol)
