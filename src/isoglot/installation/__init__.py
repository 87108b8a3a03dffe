"""What is installed, and what is missing: `isoglot doctor`."""

from isoglot.installation.examination import Extra, Installation, Library, examine
from isoglot.installation.text import installation_text

__all__ = ["Extra", "Installation", "Library", "examine", "installation_text"]
