"""What is trained travels: the card of a model, what was measured in it, and the Hub."""

from isoglot.publishing.card import CARD, add_results, keep_card, run_card
from isoglot.publishing.hub import check_repository, push_folder
from isoglot.publishing.reports import check_report

__all__ = ["CARD", "add_results", "check_report", "check_repository", "keep_card", "push_folder", "run_card"]
