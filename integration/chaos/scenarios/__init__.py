"""The scenarios, a module for each part of the study's list. Importing a module enters its scenarios into the register."""

from . import protocol, shepherd, signals, soak, supervisor

MODULES = (shepherd, supervisor, signals, soak, protocol)
