"""Studies: questions answered by training and comparing several arms."""

from isoglot.studies.arms import Arm, Estimate, summarise
from isoglot.studies.demo import run_demo

__all__ = ["Arm", "Estimate", "run_demo", "summarise"]
