"""Recipes: what is wrong with one is said with its file and key; what a grid means; what decides a run's name."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import yaml
from study_helpers import outline_of, run

from isoglot.collections import collection_from_rows
from isoglot.collections.fingerprint import collection_fingerprint, files_fingerprint, hash_of
from isoglot.data.lexicons.lexicon import lexicon_from_pairs
from isoglot.errors import InputError
from isoglot.studies.arms import defaults_of, expand_arms
from isoglot.studies.library import Absent, Library, data_folders, keep_languages, switched_view, translations_view
from isoglot.studies.plan import make_plan
from isoglot.studies.recipe import DataSource, LexiconSource, Profile
from isoglot.studies.recipe_files import read_recipe, recipe_names
from isoglot.training import TrainConfig


@pytest.mark.parametrize("name", recipe_names())
def test_our_own_recipes_are_whole_in_all_profiles(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert set(recipe.profiles) >= ({"embedded"} if name == "demo" else {"embedded", "benchmark"})
    for profile in recipe.profiles:
        plan = make_plan(recipe, profile, name, encoder="a-model" if profile == "pretrained" else None)
        assert plan.arms
        assert plan.profile.decisive
        assert plan.profile.limits
    embedded = recipe.profiles["embedded"]
    assert embedded.minutes
    assert embedded.minutes <= (45 if name == "methods" else 20)
    if "benchmark" in recipe.profiles:
        assert recipe.profiles["benchmark"].gpu
    if "pretrained" in recipe.profiles:
        pretrained = recipe.profiles["pretrained"]
        assert pretrained.minutes
        assert pretrained.minutes <= 120 or pretrained.gpu  # what takes two cores a day is said for a GPU, too


def test_the_pretrained_profile_asks_for_an_encoder_and_keeps_the_settings_meant_for_it():
    recipe = read_recipe("paper")
    with pytest.raises(InputError, match="--encoder FOLDER"):
        make_plan(recipe, "pretrained", "paper")
    plan = make_plan(recipe, "pretrained", "paper", encoder="some/folder")
    stages = {name: arm.stages[0] for name, arm in plan.arms.items()}
    assert {stage.encoder for stage in stages.values()} == {"some/folder"}
    assert stages["hybrid"].learning_rate == 3e-5
    assert stages["before"].max_length == stages["hybrid"].max_length
    assert plan.notes == []


def set_in(profile, path, value):
    *keys, last = path
    for key in keys:
        profile = profile[key]
    profile[last] = value


BAD = [
    (("steps",), 3, "unknown key 'profiles.embedded.steps'"),
    (("seeds",), [1, 1], "seeds must be different"),
    (("seeds",), ["a"], r"profiles.embedded.seeds\[0\]' is 'a'"),
    (("train", "stepps"), 3, r"arms.mono: unknown key 'stepps'"),
    (("train", "layers"), 3, "layers is a setting of scratch"),
    (("train", "out"), "x", "'out' is not for a recipe to give"),
    (("train", "validation"), "nowhere", "no data source 'nowhere'; there is train, test"),
    (("train", "data"), ["train", "nothing"], "no data source 'nothing'; there is train, test"),
    (("train", "data"), ["train", {"name": "test", "weight": 2}], "all data sets have a weight, or none"),
    (("train", "data"), "nothing", "no data source 'nothing'; there is train, test"),
    (("train", "data"), ["train", "test", "train"], r"arms.mono: train.data names 'train' twice"),
    (("arms", "mono", "train", "strategy"), "fancy", "no strategy 'fancy'"),
    (("arms", "mono", "sample"), {"budgets": {"de": "few"}}, r"mono.sample.budgets.de"),
    (("arms", "bad name"), {}, "'bad name' cannot be the name of an arm"),
    (("arms", "alpha-0.5"), {}, "two arms are called 'alpha-0.5'"),
    (("arms", "none"), {"train": "none", "sample": {"default": 3}}, "none is not trained"),
    (("arms", "two"), {"stages": [{"steps": 1}, {"steps": 2}]}, "its stages take 3 steps in all, other arms 4"),
    (("grids", 0, "name"), "alpha", r"must name its arms by \{alpha\}"),
    (("grids", 0, "over"), {"sample.sizes.de": [1]}, "must name its arms"),
    (("evaluate", 0, "data"), "nothing", r"evaluate\[0\].data: no data source 'nothing'"),
    (("evaluate", 0, "measures"), ["WER"], r"evaluate\[0\].measures: .*WER"),
    (("evaluate", 0, "along"), [5], "must be different steps from 0 to 4"),
    (("decisive", 0, "first"), "nobody", r"decisive\[0\].first: no arm 'nobody'"),
    (("decisive", 0, "on"), "nowhere", r"decisive\[0\].on: no evaluation 'nowhere'"),
    (("decisive", 0, "measure"), "R@10", "does not measure 'R@10'"),
    (("decisive", 0, "second"), "alpha-0.5", "with itself"),
    (("decisive", 0, "margin"), -1, r"decisive\[0\].margin"),
    (("decisive", 0, "expect"), "within margin", "needs a margin"),
    (("decisive", 1, "measure"), "recall_gap@10", "has no values per query"),
    (("decisive", 0, "setting"), "geometry", "give geometry: true"),
    (("data", "train", "fallback"), "nothing", "data.train.fallback: no data source 'nothing'"),
    (("data", "train", "fallback"), "train", "lead back to itself"),
    (("lexicons",), {"words": {}}, "give either paths or induce"),
    (("tuning",), {"data": "test", "trials": [{}, {}]}, "is evaluated on"),
    (("arms", "mono", "trials"), [{}], "the profile has no tuning"),
]


@pytest.mark.parametrize(("path", "value", "said"), BAD, ids=[".".join(map(str, path)) for path, _, _ in BAD])
def test_what_is_wrong_is_said_with_file_and_key(write_recipe, tmp_path, path, value, said):
    recipe = write_recipe(lambda profile: set_in(profile, path, value))
    with pytest.raises(InputError, match=said) as caught:
        outline_of(recipe, tmp_path / "out")
    assert "tiny.yaml" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("on", "tset", r"figures\[0\].on: no profile has an evaluation 'tset'; there is test"),
        ("measure", "mAP", r"figures\[0\].measure: there is no measure 'mAP'"),
        ("setting", "bias", r"figures\[0\].measure: bias has no 'AP'; it has rank_distance, "),
        ("setting", "macro_bias", r"figures\[0\].measure: macro_bias has no 'AP'; it has rank_distance, "),
        ("setting", "macro_multilingual", None),
    ],
)
def test_published_figures_are_of_what_can_be_measured(write_recipe, tmp_path, key, value, said):
    figures = {"on": "test", "setting": "multilingual", "measure": "AP", "averaged": "…", "arms": {"mono": 0.5}}
    path = Path(write_recipe())
    recipe = yaml.safe_load(path.read_text())
    recipe["published"] = {"source": "a paper", "figures": [{**figures, key: value}]}
    path.write_text(yaml.safe_dump(recipe))
    if said is None:
        outline_of(str(path), tmp_path / "out")
        return
    with pytest.raises(InputError, match=r"tiny\.yaml: published\." + said):
        outline_of(str(path), tmp_path / "out")


def test_arms_have_as_many_trials(write_recipe, tmp_path):
    def change(profile):
        profile["data"]["dev"] = {"collection": "train"}
        profile["tuning"] = {"data": "dev", "trials": [{}, {"temperature": 0.1}]}
        profile["arms"]["mono"]["trials"] = [{}]

    with pytest.raises(InputError, match=r"mono\.trials are 1, those of others 2"):
        outline_of(write_recipe(change), tmp_path / "out")


def test_a_key_that_is_given_twice_is_refused(write_recipe):
    path = Path(write_recipe())
    path.write_text(path.read_text() + "title: another\n")
    with pytest.raises(InputError, match="the key 'title' is given twice"):
        read_recipe(str(path))


def test_words_that_old_yaml_takes_for_truth_values_are_words(write_recipe):
    """`on` is a key of decisive comparisons, `no` the tag of Norwegian."""
    path = Path(write_recipe(lambda profile: profile["data"]["train"].update(languages=["en"])))
    path.write_text(path.read_text().replace("- en\n", "- no\n"))
    profile = read_recipe(str(path)).profiles["embedded"]
    assert profile.data["train"].languages == ["no"]
    assert profile.decisive[0].on == "test"


def test_unknown_names_are_told(write_recipe, tmp_path):
    with pytest.raises(InputError, match=r"no study 'nope': choose one of .*ratio"):
        read_recipe("nope")
    with pytest.raises(InputError, match=r"nope\.yaml does not exist"):
        read_recipe("nope.yaml")
    with pytest.raises(InputError, match="no profile 'huge'; it has embedded"):
        outline_of(write_recipe(), tmp_path / "out", profile="huge")
    with pytest.raises(InputError, match=r"no arm 'nobody' in embedded; its arms are mono, alpha-0\.5"):
        outline_of(write_recipe(), tmp_path / "out", arms=["nobody"])


def profile_with(**keys) -> Profile:
    base = {"data": {"x": {"collection": "x"}}, "train": {}, "seeds": [0], "evaluate": [{"name": "x", "data": "x"}]}
    return Profile.model_validate({**base, **keys})


def test_a_grid_is_the_product_of_its_values():
    grid = {
        "name": "{alpha}-{zh}-{tau}",
        "over": {
            "alpha": [0.5, {"shape": "linear", "start": 1.0, "end": 0.0}],
            "sample.budgets.zh": [0, None],
            "tau": [1],
        },
        "train": {"strategy": "hybrid"},
    }
    arms = expand_arms(profile_with(grids=[grid]))
    assert list(arms) == ["0.5-0-1", "0.5-none-1", "linear-1.0-0.0-0-1", "linear-1.0-0.0-none-1"]
    assert arms["0.5-0-1"].train == {"strategy": "hybrid", "alpha": 0.5, "tau": 1}
    assert arms["0.5-0-1"].sample.budgets == {"zh": 0}
    assert arms["0.5-none-1"].sample is None


def names(recipe: str, tmp_path) -> dict[tuple[str, int], str]:
    return {(one.arm, one.seed): one.name for one in outline_of(recipe, tmp_path / "out").runs}


def test_the_order_of_keys_does_not_change_a_runs_name(write_recipe, tmp_path):
    before = names(write_recipe(), tmp_path)

    def reverse(value):
        return {key: reverse(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    path = Path(write_recipe())
    path.write_text(yaml.safe_dump(reverse(yaml.safe_load(path.read_text())), sort_keys=False))
    assert names(str(path), tmp_path) == before


CHANGES = {
    "a setting": lambda profile: profile["train"].update(learning_rate=0.04),
    "a default, given otherwise": lambda profile: profile["train"].update(weight_decay=0.1),
    "the measures": lambda profile: profile["evaluate"][0].update(measures=["AP", "R@5"]),
    "the languages of the data": lambda profile: profile["data"]["train"].update(languages=["de", "en"]),
    "the test data": lambda profile: profile["data"]["test"].update(languages=["de", "en"]),
    "a sample": lambda profile: [
        profile["arms"]["mono"].update(sample={"budgets": {"de": 3}}),
        profile["grids"][0].update(sample={"budgets": {"de": 3}}),
    ],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_of_settings_or_data_changes_a_runs_name(write_recipe, tmp_path, change):
    before = names(write_recipe(), tmp_path)
    after = names(write_recipe(change), tmp_path)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_what_does_not_decide_results_does_not_change_a_runs_name(write_recipe, tmp_path):
    def change(profile):
        profile["train"] |= {"save_steps": 2, "alpha": None, "weight_decay": 0.0}  # the default, said
        profile["evaluate"][0] |= {"by_language": True, "zero_shot": True}
        profile["data"] = {"test": profile["data"]["test"], "train": profile["data"]["train"] | {"lenient": True}}
        profile["decisive"] = []
        profile["limits"] = ["everything"]

    assert names(write_recipe(), tmp_path) == names(write_recipe(change), tmp_path)


def test_an_encoder_for_all_arms_takes_settings_it_does_not_have_away(write_recipe, tmp_path, pretrained_folders):
    outline = outline_of(write_recipe(), tmp_path / "out", encoder=str(pretrained_folders["xlmr"]))
    (stage,) = outline.plan.arms["mono"].stages
    assert stage.encoder == str(pretrained_folders["xlmr"])
    assert not {"dimensions", "vocabulary", "learning_rate"} & stage.model_fields_set
    (note,) = [note for note in outline.notes if "in place of the recipe's" in note]
    assert note.endswith("; its own learning rate is used; it has no dimensions, vocabulary")


def test_arms_that_differ_in_their_encoder_alone_are_one_with_an_encoder_for_all(
    write_recipe, tmp_path, pretrained_folders
):
    def change(profile):
        profile["arms"] = {
            "small": {"train": {"strategy": "monolingual"}},
            "large": {"train": {"strategy": "monolingual", "dimensions": 16}},
            "as-it-is": {"train": "none"},
            "another": {"train": "none", "encoder": "scratch"},
        }
        profile["decisive"] = [{"first": "small", "second": "large", "on": "test"}]

    outline = outline_of(write_recipe(change), tmp_path / "out", encoder=str(pretrained_folders["xlmr"]))
    assert [*outline.plan.arms] == ["small", "as-it-is", "alpha-0.5"]
    reasons = {one["name"]: one["reason"] for one in outline.plan.left_out}
    assert reasons["large"].endswith("for all it is the same as small")
    assert reasons["another"].endswith("for all it is the same as as-it-is")


def test_arms_that_are_equal_in_the_recipe_stay_with_an_encoder_for_all(write_recipe, tmp_path):
    twice = write_recipe(lambda profile: profile["arms"].update(again=profile["arms"]["mono"]))
    assert {*outline_of(twice, tmp_path / "out", encoder="scratch").plan.arms} == {"mono", "again", "alpha-0.5"}


def test_what_a_stage_leaves_to_the_defaults_is_told():
    def told(**settings):
        return defaults_of(TrainConfig(data="x", out="", **settings))

    assert told() == {"alpha": 0.5, "objective": [{"term": "InfoNCE", "weight": 1.0}]}
    both = [{"term": "MultiwayInfoNCE", "weight": 1.0}, {"term": "DomainContrast", "weight": 1.0}]
    assert told(strategy="multiway", gamma=0.2, target="t") == {"objective": both}
    assert told(alpha=0.2, objective=["InfoNCE"]) == {}


def test_fingerprints_are_of_contents(toy, tmp_path):
    assert collection_fingerprint(toy) == collection_fingerprint(copy.copy(toy))
    rows = [[("a", "en", "", "xy"), ("b", "en", "", "z")], [("a", "en", "", "x"), ("b", "en", "", "yz")]]
    found = {
        collection_fingerprint(collection_from_rows(documents, [("q", "en", "?")], [("q", "a", score)], name=name))
        for documents in rows
        for score in (1, 2)
        for name in ("one", "two")
    }
    assert len(found) == 4  # not 8: the name does not count
    assert hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1}) != hash_of({"a": 1, "b": 3})
    for place, text in (("one", "x"), ("two", "x"), ("three", "y")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "words.tsv").write_text(text)
    one, two, three = (files_fingerprint([tmp_path / place]) for place in ("one", "two", "three"))
    assert one == two != three


def test_a_fingerprint_does_not_depend_on_how_tables_are_cut(toy):
    from dataclasses import replace

    import pyarrow as pa

    cut = pa.concat_tables([toy.documents.slice(0, 2), toy.documents.slice(2)])
    assert collection_fingerprint(replace(toy, documents=cut)) == collection_fingerprint(toy)


def test_fewer_languages_keep_what_is_between_them(toy):
    kept = keep_languages(toy, ["de", "th"])
    assert kept.languages == ("de", "th")
    assert sorted(kept.documents["_id"].to_pylist()) == ["de/ls", "de/tar", "th/ls", "th/tar"]
    assert kept.queries.num_rows == 4
    for a, b in (("de", "de"), ("de", "th"), ("th", "de")):
        queries, documents = kept.pairs(a, b)
        texts = zip(kept.query_texts(queries), kept.document_texts(documents), strict=True)
        whole = zip(
            *(get(rows) for get, rows in zip((toy.query_texts, toy.document_texts), toy.pairs(a, b), strict=True)),
            strict=True,
        )
        assert sorted(texts) == sorted(whole)
    with pytest.raises(InputError, match="no language 'sw'"):
        keep_languages(toy, ["sw"])


def test_in_the_view_of_translations_a_query_looks_for_its_versions(toy):
    view = translations_view(toy)
    assert view.document_texts() == toy.query_texts()
    queries, documents = view.pairs("de", "th")
    assert len(queries) == 2
    ids = np.array(view.queries["_id"].to_pylist())
    assert ids[queries].tolist() == ids[documents].tolist()
    assert np.diag(view.pair_counts).tolist() == [0, 0, 0]  # and not for itself


def test_switched_queries_are_further_versions_of_the_same_queries():
    english = collection_from_rows(
        [("d", "en", "", "the big house")], [("q", "en", "Where is the house?")], [("q", "d", 1)], name="english"
    )
    lexicon = lexicon_from_pairs("en", "de", [("house", "Haus"), ("where", "wo")])
    switched = switched_view(english, [lexicon], ["de"], 1.0)
    assert switched.query_texts() == ["Where is the house?", "wo is the Haus?"]
    assert switched.queries["lang"].to_pylist() == ["en", "de"]
    assert [rows.tolist() for rows in switched.pairs("de", "en")] == [[1], [0]]
    with pytest.raises(InputError, match="no lexicon leads from en into fr"):
        switched_view(english, [lexicon], ["fr"], 1.0)


def test_the_recipe_in_the_documentation_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    plan = make_plan(read_recipe(str(path)), "embedded", "mine.yaml")
    assert [*plan.arms][-2:] == ["alpha-0.75-sw-100", "alpha-0.75-sw-none"]
    assert plan.arms["alpha-0.25-sw-0"].arm.sample.budgets == {"sw": 0}
    assert plan.arms["untrained"].trials == ()
    assert len(plan.arms["hybrid"].trials) == 2


def test_data_is_looked_for_in_its_folder_and_nowhere_beside_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "shared" / "data" / "tldr" / "train").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path / "none"))
    assert Library({}, data_folders()).find("tldr/train") is None
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path / "shared" / "data"))
    assert Library({}, data_folders()).find("tldr/train") == tmp_path / "shared" / "data" / "tldr" / "train"


def test_a_recipe_may_say_where_its_data_lies(write_recipe, tiny_data, tmp_path, monkeypatch):
    path = Path(write_recipe())
    before = names(str(path), tmp_path)
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path / "none"))
    with pytest.raises(InputError, match="set ISOGLOT_DATA to the folder that holds it"):
        run(str(path), tmp_path / "out")
    words = Library({}, data_folders(), {"words": LexiconSource(paths=["words.tsv"])})
    with pytest.raises(Absent, match="set ISOGLOT_DATA to the folder that holds it"):
        words.lexicon_files("words")
    (tmp_path / "beside").symlink_to(tiny_data)
    path.write_text(path.read_text() + "data_folder: beside\n")
    assert names(str(path), tmp_path) == before


def test_what_the_catalogue_keeps_is_read_as_it_is_kept(tiny_data, tmp_path, monkeypatch):
    """A recipe says in which form a publisher's files are; a copy that `isoglot data get` made has none."""
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path))
    (tmp_path / "xquad-r").symlink_to(tiny_data / "test")
    source = DataSource(collection="xquad-r", form="lareqa")
    assert Library({"test": source}, data_folders()).load("test").queries.num_rows == 36
