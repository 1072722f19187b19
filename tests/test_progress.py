"""Progress of a part of a run."""

from se_probe.progress import shifted


def test_a_part_begins_where_the_one_before_ended():
    seen = []

    shifted(lambda done, total: seen.append((done, total)), 40, 100)(10, 60)

    assert seen == [(50, 100)]


def test_nobody_is_told_where_nobody_listens():
    assert shifted(None, 0, 1) is None
