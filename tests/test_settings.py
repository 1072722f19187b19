"""What a run was begun with, against what it would be now."""

from se_probe.settings import begun_otherwise, changes, in_short


def test_only_settings_that_count_and_differ_are_changes():
    then, now = {"lr": 0.1, "seed": 0, "by": "x"}, {"lr": 0.2, "seed": 0, "by": "y"}

    found = changes({"lr": "peak rate", "seed": "seed"}, then, now)

    assert [str(change) for change in found] == ["peak rate (0.1 then, 0.2 now)"]


def test_a_setting_that_was_not_written_is_not_said():
    (change,) = changes({"threads": "number of threads"}, {}, {"threads": 2})

    assert (change.then, change.now) == ("not said", "2")


def test_refusal_names_everything_that_differs():
    found = changes({"a": "size", "b": "seed"}, {"a": 1, "b": 1}, {"a": 2, "b": 2})

    sentence = begun_otherwise("the record", found)

    assert sentence.startswith(
        "the record was begun with another size (1 then, 2 now); another seed (1 then"
    )
    assert sentence.endswith("--force to start over")


def test_long_settings_are_cut_and_lists_of_images_counted():
    assert in_short("x" * 61) == "x" * 57 + "..."
    assert in_short("x" * 60) == "x" * 60
    assert in_short({"n_images": 3, "name": "val"}) == "3 of val"
