"""The Hugging Face Hub: a model folder in a repository of it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from isoglot.errors import InputError, IsoglotError

__all__ = ["check_repository", "push_folder"]

NO_ACCESS = (401, 402, 403)


def check_repository(name: str) -> None:
    """See that a repository may be called so.

    Raises:
        InputError: it may not.
    """
    try:
        validate_repo_id(name)
    except HFValidationError:
        raise InputError(
            f"{name!r} cannot be a repository of the Hub: write USER/NAME, such as me/my-model, in letters, "
            "digits, '-', '_' and '.'"
        ) from None


def push_folder(folder: str | Path, name: str, *, private: bool = False) -> str:
    """Upload a model folder to a repository, in one commit; hidden files and checkpoints stay here.

    The repository is made if it is not there; the token is that of `hf auth login` or `HF_TOKEN`.

    Args:
        folder: the model folder.
        name: of the repository, USER/NAME.
        private: make a private one, and refuse one that is public; else the account's default, which is public.

    Returns:
        The address of the repository.

    Raises:
        IsoglotError: there is no token, the Hub cannot be reached or does not take it. The folder stays as it is.
    """
    if get_token() is None:
        raise IsoglotError("there is no token: log in by `hf auth login`, or set HF_TOKEN")
    api = HfApi()
    try:
        found = api.create_repo(name, private=private or None, exist_ok=True)
        if private and not api.repo_info(found.repo_id).private:
            raise IsoglotError(f"{found.repo_id} is there and public: choose another name, or leave out --private")
        api.upload_folder(
            repo_id=found.repo_id,
            folder_path=folder,
            commit_message="Add a model trained by isoglot",
            ignore_patterns=["checkpoints/*", ".*", "*/.*"],
        )
    except IsoglotError:
        raise
    except Exception as error:  # of the network, of the Hub, of its client: none may hide that the model is here
        status = getattr(getattr(error, "response", None), "status_code", None)
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        remedy = (
            "log in by `hf auth login` with a token that may write there"
            if status in NO_ACCESS
            else "see that the Hub can be reached"
        )
        raise IsoglotError(f"{reason.rstrip('.')}: {remedy}") from error
    return str(found)
