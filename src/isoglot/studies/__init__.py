"""Studies: arms that are trained and measured side by side; the demo is the smallest of them."""

from isoglot.studies.arms import Arm, Estimate, summarise
from isoglot.studies.demo import Demo, run_demo
from isoglot.studies.runner import Study, outline_study, run_study

__all__ = ["Arm", "Demo", "Estimate", "Study", "outline_study", "run_demo", "run_study", "summarise"]
