"""The API as its users meet it: what it answers, and one clear sentence for what it refuses."""

from __future__ import annotations

import concurrent.futures
import re
import threading
import time
from typing import get_args

import pytest
from serve_helpers import CONTROLS, MARKUP, OVERRIDE, TEXTS, FakeIndex
from starlette.testclient import TestClient

from isoglot.errors import InputError
from isoglot.evaluation.fair import FAIR
from isoglot.search.serve import Limits, create_app
from isoglot.search.serve.messages import Fair
from isoglot.search.serve.shelf import linked_id

ORIGIN = "http://127.0.0.1:8000"


def client_of(*indexes: FakeIndex, **options) -> TestClient:
    return TestClient(create_app(indexes or (FakeIndex(),), **options), base_url=ORIGIN)


@pytest.fixture
def client() -> TestClient:
    return client_of()


def refused(answer, status: int) -> str:
    """See that an answer is a refusal in one sentence; return it."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "request_id"}
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    sentence = answer.json()["error"]
    assert sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


def test_a_ranking_has_all_that_the_index_found(client):
    answer = client.get("/search", params={"q": "archiv", "k": 4})
    found = answer.json()
    assert answer.status_code == 200
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4]
    expected = FakeIndex().search("archiv", k=4)
    assert [(hit["id"], hit["score"], hit["text"]) for hit in found["hits"]] == [
        (hit.id, hit.score, hit.text) for hit in expected
    ]
    assert {hit["linked"] for hit in found["hits"]} == {"*/common/tar"}
    assert found["mix"] == {"ar": 1, "de": 1, "en": 1, "fr": 1}
    assert (found["index"], found["q"], found["k"], found["within"]) == ("commands", "archiv", 4, None)


def test_what_is_asked_for_reaches_the_index():
    index = FakeIndex()
    query = {"q": "ls", "k": "3", "in": "zh_tw,DE,de", "lang": "deu", "fair": "quota"}
    answer = client_of(index).get("/search", params=query)
    asked = {"query": "ls", "k": 3, "language": "de", "within": ["zh-TW", "de"], "fair": "quota"}
    assert index.asked == [asked]
    assert {hit["language"] for hit in answer.json()["hits"]} == {"zh-TW", "de"}


def test_json_asks_the_same_as_a_url(client):
    by_url = client.get("/search", params={"q": "archiv", "k": 3, "in": "de,en", "hybrid": "true"}).json()
    by_json = client.post("/search", json={"q": "archiv", "k": 3, "in": ["de", "en"], "hybrid": True}).json()
    assert by_url.pop("seconds") > 0
    assert by_json.pop("seconds") > 0
    assert by_url == by_json


def test_two_indexes_of_one_name_are_told_apart():
    before, after = FakeIndex(prefer="de"), FakeIndex(repair="center", path="/somewhere/repaired")
    client = client_of(before, after)
    assert [one["name"] for one in client.get("/indexes").json()] == ["plain", "repaired"]
    assert [one["name"] for one in client_of(before, before).get("/indexes").json()] == ["plain-1", "plain-2"]
    first = client.get("/search", params={"q": "archiv"}).json()["hits"][0]
    second = client.get("/search", params={"q": "archiv", "index": "repaired"}).json()["hits"][0]
    assert (first["language"], second["language"]) == ("de", "ar")


def test_facts_do_not_say_where_things_are():
    client = client_of(FakeIndex(model_name="/home/someone/secret/model", path="/srv/secret/index"))
    answer = client.get("/indexes")
    assert answer.json()[0]["model"] == "model"
    assert "secret" not in answer.text
    assert client_of(FakeIndex(model_name="a/model")).get("/indexes").json()[0]["model"] == "a/model"


def test_facts_say_how_languages_are_written(client):
    (facts,) = client.get("/indexes").json()
    assert facts["documents"] == len(TEXTS)
    assert {one["tag"]: one["direction"] for one in facts["languages"]} == {
        **{"ar": "rtl", "he": "rtl"},
        **dict.fromkeys(("de", "en", "fr", "zh-TW"), "ltr"),
    }
    assert sum(one["documents"] for one in facts["languages"]) == len(TEXTS)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({}, 422, "the question is empty: give q"),
        ({"q": ""}, 422, "the question is empty: give q"),
        ({"q": " \t\u3000\u200b"}, 422, "the question is empty: give q"),
        ({"q": "x" * 1001}, 422, "q is too long: at most 1,000 characters"),
        ({"q": "x", "k": 0}, 422, "k: input should be greater than or equal to 1"),
        ({"q": "x", "k": 101}, 422, "k: input should be less than or equal to 100"),
        ({"q": "x", "k": "many"}, 422, "k: input should be a valid integer, unable to parse string as an integer"),
        ({"q": "x", "in": "de;sw"}, 422, "in takes language tags, such as de or zh-TW, with commas between"),
        ({"q": "x", "lang": "!"}, 422, "lang takes language tags, such as de or zh-TW"),
        ({"q": "x", "fair": "equal"}, 422, "fair: input should be 'calibrate', 'fuse' or 'quota'"),
        ({"q": "x", "lagn": "de"}, 422, "no parameter 'lagn' (did you mean lang?): there are q, k, lang, in, "),
        ({"q": "x", "in": "de,sw"}, 404, "no document of commands is in sw: choose of ar, de, en, fr, he, zh-TW"),
        ({"q": "x", "lang": "xx"}, 404, "'xx' is not a registered language tag"),
        ({"q": "x", "index": "comands"}, 404, "no index 'comands' here (did you mean commands?): choose commands"),
        ({"q": "refuse"}, 422, "this is not to be asked"),
    ],
)
def test_bad_queries_are_refused_in_one_sentence(client, query, status, said):
    assert refused(client.get("/search", params=query), status).startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the body is not valid JSON"),
        (b"[]", "the body: "),
        (b'{"q": 3}', "q: input should be a valid string"),
        (b'{"q": "x", "in": []}', "in: "),
        (b'{"q": "x", "k": 1e999}', "k: "),
        (b'{"q": "a\\ud800b"}', "q: input should be a valid string, unable to parse raw data as a unicode string"),
        (b'{"q": "x", "in": ["\\udfff"]}', "in"),
        (b'{"q": "x", "\\ud83d": 1}', "the body: "),
        (b"\xff\xfe", "the body is not valid JSON"),
        (b'{"q": "x"} {}', "the body is not valid JSON"),
    ],
)
def test_bad_json_is_refused_in_one_sentence(client, body, said):
    answer = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert refused(answer, 422).startswith(said)


def test_json_without_end_is_refused_as_well(client):
    answer = client.post("/search", content=b"[" * 20000, headers={"Content-Type": "application/json"})
    assert refused(answer, 400) == "the body is not valid JSON"


@pytest.mark.parametrize("text", [MARKUP, OVERRIDE, CONTROLS, "\U0001f600 e\u0301\u0301" * 50, "%s{0}${x}`'\";--"])
def test_any_text_is_a_question_and_comes_back_as_it_was(client, text):
    for answer in (client.get("/search", params={"q": text}), client.post("/search", json={"q": text})):
        assert answer.status_code == 200
        assert answer.json()["q"] == text


def test_text_of_documents_comes_back_as_it_was(client):
    hits = client.get("/search", params={"q": "x", "k": 100}).json()["hits"]
    assert {hit["id"]: (hit["title"], hit["text"]) for hit in hits} == {id: (a, b) for id, _, a, b in TEXTS}


def test_ten_megabytes_are_refused(client):
    big = "x" * 10_000_000
    assert "URL is too long" in refused(client.get(f"/search?q={big[:60_000]}"), 414)
    assert "request is too long" in refused(client.post("/search", json={"q": big}), 413)

    def parts():
        yield from (b"x" * 100_000 for _ in range(100))

    assert "request is too long" in refused(client.post("/search", content=parts()), 413)


def test_a_question_of_the_longest_length_fits_a_url():
    client = client_of(limits=Limits(question=1000))
    assert client.get("/search", params={"q": "\U0001f600" * 1000}).status_code == 200
    assert client.get("/search", params={"q": "\U0001f600" * 1001}).status_code == 422


def test_other_paths_and_methods_are_refused_in_json(client):
    assert refused(client.get("/nothing"), 404) == "there is no '/nothing' here"
    answer = client.delete("/search")
    refused(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


def test_a_mistake_of_ours_says_nothing_of_the_inside(client, caplog):
    assert "secret" not in refused(client.get("/search", params={"q": "break"}), 500)
    assert "secret" in caplog.text


def test_an_index_that_is_gone_is_told_to_the_log_alone(caplog):
    client = client_of(FakeIndex(path="/srv/secret"))
    assert refused(client.get("/search", params={"q": "gone"}), 500).startswith("commands cannot be searched")
    assert "/srv/secret was removed" in caplog.text


def test_fair_rankings_are_those_that_there_are():
    assert get_args(Fair) == FAIR


def test_request_ids_are_taken_if_plain_and_given_otherwise(client):
    assert client.get("/health", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 65, "<b>", ""):
        given = client.get("/health", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", given)


def test_questions_are_not_logged(client, caplog):
    caplog.set_level("INFO", "isoglot")
    client.get("/search", params={"q": "a private matter"}, headers={"X-Request-ID": "known"})
    assert "known GET /search 200" in caplog.text
    assert "private" not in caplog.text


def test_every_answer_lets_nothing_else_in(client):
    for path in ("/", "/static/explorer.js", "/search?q=x", "/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_a_token_is_asked_for_where_there_is_one():
    client = client_of(token="a secret")
    for path in ("/", "/static/explorer.js", "/health"):
        assert client.get(path).status_code == 200
    for path in ("/search?q=x", "/indexes", "/metrics", "/openapi.json", "/nothing"):
        for given in ({}, {"Authorization": "Bearer a secre"}, {"Authorization": "Basic a secret"}):
            answer = client.get(path, headers=given)
            refused(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/search?q=x", headers={"Authorization": "Bearer a secret"}).status_code == 200
    with pytest.raises(InputError, match="must not be empty"):
        client_of(token=" ")


def test_other_names_of_this_machine_are_refused_where_names_are_given():
    client = client_of(hosts=["localhost", "127.0.0.1", "[::1]"])
    for host in ("localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000", "[::1]", "LOCALHOST"):
        assert client.get("/health", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "evil.example:8000", ""):
        refused(client.get("/health", headers={"Host": host}), 421)


def test_more_searches_than_may_wait_are_sent_away_and_the_others_answered():
    limits = Limits(searches=1, waiting=2)
    with client_of(FakeIndex(seconds=0.3), limits=limits) as client:
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: client.get("/search", params={"q": "x"}), range(8)))
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(200) == 3
        assert statuses.count(503) == 5
        for answer in answers:
            if answer.status_code == 503:
                refused(answer, 503)
                assert answer.headers["retry-after"] == "1"
        assert client.get("/search", params={"q": "x"}).status_code == 200


def test_a_search_that_is_given_up_keeps_its_place_until_it_ends():
    began, index = threading.Event(), FakeIndex(seconds=0.5)
    with client_of(index, limits=Limits(searches=1, waiting=0, seconds=0.1)) as client:
        assert "0.1 seconds" in refused(client.get("/search", params={"q": "x"}), 504)
        refused(client.get("/search", params={"q": "x"}), 503)
        began.wait(0.6)
        index.seconds = 0
        assert client.get("/search", params={"q": "x"}).status_code == 200


def test_a_search_that_is_given_up_while_it_waits_is_never_begun():
    index = FakeIndex(seconds=0.4)
    with client_of(index, limits=Limits(searches=1, waiting=1, seconds=0.2)) as client:
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda q: client.get("/search", params={"q": q}), ("one", "two")))
        assert [answer.status_code for answer in answers] == [504, 504]
        time.sleep(0.5)
        assert len(index.asked) == 1


def test_limits_are_sensible():
    with pytest.raises(InputError, match="the limit searches of a server must be at least 1, not 0"):
        Limits(searches=0)
    with pytest.raises(InputError, match="needs an index"):
        create_app([])


SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (-?[0-9.e+-]+)')


def test_metrics_are_in_the_format_of_prometheus_and_count():
    client = client_of(FakeIndex(name='a "b"\\\n'))
    for _ in range(3):
        client.get("/search", params={"q": "x"})
    client.get("/search")
    client.get("/secret/path")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line) for line in lines)
    found = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}
    assert found['isoglot_requests_total{method="GET",path="/search",status="200"}'] == 3
    assert found['isoglot_requests_total{method="GET",path="/search",status="422"}'] == 1
    assert found['isoglot_requests_total{method="GET",path="other",status="404"}'] == 1
    assert found['isoglot_documents{index="a \\"b\\"\\\\\\n"}'] == len(TEXTS)
    assert found["isoglot_search_seconds_count"] == found['isoglot_search_seconds_bucket{le="+Inf"}'] == 3
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert buckets == sorted(buckets)
    assert found["isoglot_searches"] == 0
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("document", "language", "linked"),
    [
        ("de/common/tar", "de", "*/common/tar"),
        ("common/de/tar", "de", "common/*/tar"),
        ("tar:de", "de", "tar:*"),
        ("zh_TW/tar", "zh-TW", "*/tar"),
        ("DE-12", "de", "*-12"),
        ("faq.de", "de", "faq.*"),
        ("it-is-so", "it", "*-is-so"),
        ("how-is-it-done", "it", "how-is-it-done"),
        ("code", "de", "code"),
        ("de", "de", "*"),
        ("de/x/de", "de", "*/x/de"),
        ("fr/12", "de", "fr/12"),
        ("", "de", ""),
    ],
)
def test_ids_are_joined_where_they_name_their_language(document, language, linked):
    assert linked_id(document, language) == linked
