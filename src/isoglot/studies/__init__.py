"""Studies: arms that are trained and measured side by side; the demo is the smallest of them."""

from isoglot.studies.runner import Outline, Study, StudyRequest, outline_study, run_study

__all__ = ["Outline", "Study", "StudyRequest", "outline_study", "run_study"]
