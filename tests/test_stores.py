"""Files in object stores: what is written is read, in pieces; what fails is told, and credentials never are."""

from __future__ import annotations

import io
import pickle
import re
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot import static_encoder, stores
from isoglot.cli import main
from isoglot.collections import write_collection
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.reporting.figures.style import save_figures
from isoglot.stores import Store, folder_of, is_address, refuse_address, refuse_secrets, without_secrets


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return Store(f"file://{tmp_path}/some/folder")
    return Store(request.getfixturevalue("bucket").address("some/folder"))


class Told(io.BytesIO):
    """Remembers how much was written at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, part) -> int:
        self.sizes.append(len(part))
        return super().write(part)


def read(store: Store, name: str) -> bytes:
    into = io.BytesIO()
    store.copy(name, into)
    return into.getvalue()


def test_what_is_written_is_read(store):
    files = {f"n{at}": bytes([at]) * at for at in range(12)} | {"a b+c%.gz": b"\x1f\x8b no gzip", "ä": b"\0"}
    assert store.list() == []
    for name, content in files.items():
        store.write(name, b"old")
        store.write(name, content)
    store.within("inner").write("x", b"inner")
    assert {name: read(store, name) for name in files} == files
    assert read(store, "inner/x") == b"inner"
    listed = {one.name: (one.is_file, one.size) for one in store.list()}
    assert listed == {**{name: (True, len(content)) for name, content in files.items()}, "inner": (False, 0)}
    store.remove("n3")
    store.remove("n3")
    assert store.size("n3") is None
    assert store.size("n4") == 4
    assert "n3" not in [one.name for one in store.list()]
    assert pickle.loads(pickle.dumps(store)) == store


def test_a_large_file_is_copied_in_pieces(store, monkeypatch):
    content = bytes(range(256)) * 4 * 3000
    store.write("large", content)
    monkeypatch.setattr(stores, "STEP", 100_000)
    into = Told()
    store.copy("large", into)
    assert into.getvalue() == content
    assert max(into.sizes) <= 100_000


def test_what_fails_is_told_in_a_sentence(bucket, monkeypatch, tmp_path):
    store = Store(bucket.address("x"))
    with pytest.raises(InputError, match=r"^cannot read s3://bucket/x/nope: it does not exist$"):
        read(store, "nope")
    with pytest.raises(InputError, match=r"cannot write s3://other/x/n \(.*NO_SUCH_BUCKET.*\): check the address"):
        Store(bucket.address("x", bucket="other")).write("n", b"")
    for address, why in (
        ("nothing://x/y", "Unrecognized filesystem type"),
        ("s3://b/x?colour=red", "Unexpected query parameter"),
        ("s3://a b/x", "syntax error"),
    ):
        with pytest.raises(InputError, match=rf"{why}.*it begins with s3://, gs://, abfs://"):
            Store(address).list()
    with pytest.raises(InputError, match="one slash, as pathlib makes it: give a text with two"):
        Store(str(Path("s3://bucket/x")))
    with pytest.raises(InputError, match="x#y has a # in it, where addresses end: write %23"):
        folder_of(f"file://{tmp_path}/x#y")  # of which pyarrow would read x
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAANOTHER")
    with pytest.raises(InputError) as caught:
        Store(bucket.address("y")).list()
    told = str(caught.value)
    assert re.search(r"^cannot read s3://bucket/y \(.*ACCESS_DENIED.*\): check .* AWS_ACCESS_KEY_ID and", told)
    assert "another-secret" not in told
    assert "AKIAANOTHER" not in told


@pytest.mark.slow
def test_a_store_that_is_not_there_is_told(store_keys):
    """The client tries for some seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=r"cannot read s3://b/x \(.*\): check the address, the network"):
        Store(f"s3://b/x?endpoint_override=127.0.0.1:{port}&scheme=http").list()


letters = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789", min_size=8, max_size=20)
secrets = st.text("abcXYZ0189+/=%_-:", min_size=10, max_size=40)


@given(
    st.sampled_from(
        ["s3://{0}:{1}@b/x", "abfs://c:{1}@a.net/x", "s3:/{0}:{1}@b/x", "S3://{0}:{1}@b", "s3://b/x?sig={1}"]
        + [f"s3://b/x?{name}={{0}}{{1}}" for name in ("access_key", "secret_key", "accessKeyId", "AWSAccessKey")]
        + [
            f"s3://b/x?region=r&{name}={{1}}"
            for name in ("AWS_SECRET_ACCESS_KEY", "X-Amz-Signature", "client_secret")
        ]
    ),
    letters,
    secrets,
    st.sampled_from(["{}", "cannot read '{}': no", "isoglot evaluate m {} --json r.json", "data: [{}, s3://b/y]"]),
)
def test_credentials_are_in_no_text(form, key, secret, around):
    address = form.format(key, secret)
    told = without_secrets(around.format(address))
    assert secret not in told
    assert key not in told
    assert told.startswith(around.partition("{}")[0])
    with pytest.raises(InputError, match="has credentials in it") as caught:
        refuse_secrets(address)
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/a@b/c:d@e",
        "s3://bucket/x?endpoint_override=127.0.0.1:9000&scheme=http&region=eu-west-1",
        "gs://anonymous@bucket/x",
        "abfs://container@account.dfs.core.windows.net/x",
        "hdfs://user@host:8020/a@b",
        "hdfs://host:8020/a@b",
        "file:///tmp/a:b@c",
    ],
)
def test_addresses_without_credentials_stay_as_they_are(address):
    assert is_address(address)
    refuse_secrets(address)
    assert without_secrets(f"see {address}") == f"see {address}"


def test_paths_and_names_are_no_addresses(tmp_path):
    for one in ("data", "/data", "C:/data", "mteb:NFCorpus", "run:x.trec", "org/model", "rerank:a/b", Path("a:b")):
        assert not is_address(one)
        refuse_address(one, "this")
    assert folder_of(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    assert folder_of("s3://b/x") is None


HIDDEN = "s3://AKIAHIDDEN:hidden/secret@bucket/x"


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "bm25", HIDDEN),
        ("--debug", "evaluate", "bm25", HIDDEN),
        ("evaluate", "bm25", "d", f"--cache={HIDDEN}"),
        ("evaluate", "bm25", "d", "--json", HIDDEN),
        ("evaluate", f"run:{HIDDEN}", "toy"),
        ("train", "--data", HIDDEN, "--out", "o"),
        ("train", "config.yaml"),
        ("data", "stats", HIDDEN),
        ("compare", HIDDEN, HIDDEN),
    ],
)
def test_no_command_takes_or_tells_credentials(words, capfd, tmp_path, monkeypatch, toy):
    monkeypatch.chdir(tmp_path)
    write_collection(toy, tmp_path / "toy", "parquet")
    (tmp_path / "config.yaml").write_text(f"data: {HIDDEN}\nencoder: static\nout: o\n")
    assert main(list(words)) == 2
    told = "".join(capfd.readouterr())
    assert "hidden/secret" not in told
    assert "AKIAHIDDEN" not in told
    assert "s3:/" in told
    assert {one.name for one in tmp_path.iterdir()} == {"config.yaml", "toy"}


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--data", "toy", "--encoder", "static", "--out", "s3://b/run"),
        ("data", "convert", "toy", "--form", "jsonl", "--to", "s3://b/data"),
        ("evaluate", "bm25", "toy", "--json", "s3://b/r.json"),
        ("evaluate", "bm25", "toy", "--html", "s3://b/r.html"),
        ("evaluate", "run:s3://b/run", "toy"),
        ("evaluate", "m", "toy", "--cache", "s3://b/x"),
        ("mine", "m", "toy", "--out", "s3://b/mined"),
        ("repair", "m", "toy", "--out", "s3://b/model"),
        ("study", "run", "ratio", "--out", "s3://b/study"),
        ("study", "run", "ratio", "--out", "o", "--figures", "s3://b/figures", "--dry-run"),
        ("data", "sample", "toy", "--default", "1", "--to", "s3://b/sample"),
        ("compare", "s3://b/r.json", "s3://b/s.json"),
    ],
)
def test_an_address_where_only_a_path_will_do_is_refused(words, capsys, tmp_path, monkeypatch, toy):
    monkeypatch.chdir(tmp_path)
    write_collection(toy, tmp_path / "toy", "parquet")
    assert main(list(words)) == 2
    told = capsys.readouterr().err
    assert re.search(r"s3://?b/.*(is an address, and .* must be on this machine|goes with --engine ray)", told)
    assert [one.name for one in tmp_path.iterdir()] == ["toy"]


def test_caches_on_this_machine_are_paths(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the cache of embeddings must be on this machine"):
        evaluate(static_encoder(toy, dimensions=4, vocabulary=60), toy, cache="s3://b/x")
    monkeypatch.setenv("ISOGLOT_CACHE", "s3://b/x")
    assert main(["data", "stats", "xquad-r"]) == 2
    assert "the cache of ISOGLOT_CACHE must be on this machine" in capsys.readouterr().err
    monkeypatch.setattr("isoglot.installation.examination.import_all", lambda names: ({}, {}))  # takes seconds
    assert main(["doctor"]) == 1
    assert "the cache of ISOGLOT_CACHE must be on this machine" in capsys.readouterr().out
    monkeypatch.setenv("ISOGLOT_DATA", "s3://b/x")
    assert main(["data", "stats", "xquad-r"]) == 2
    assert "the folder of data sets of ISOGLOT_DATA must be on this machine" in capsys.readouterr().err
    with pytest.raises(InputError, match="s3://b/x is an address, and what is written must be on this machine"):
        save_figures({}, "s3://b/x")
    assert list(tmp_path.iterdir()) == []
