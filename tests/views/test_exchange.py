"""What gates carry, as a view and in words."""

from exchanges import BLOCKS, exchanged
from se_probe.views import describe_exchange, exchange_caption, exchange_costs


def test_view_has_a_row_for_each_extent_block_and_treatment():
    table = exchange_costs(exchanged()).to_dataframe().reset_index()

    assert len(table) == 3 * 3 * 5
    assert "same_class_donor" not in table
    row = table[(table.extent == "alone") & (table.treatment == "other_class")]
    assert row["kl"].tolist() == [0.002, 0.08, 0.9]


def test_words_tell_detail_class_and_neither_apart():
    detail, of_class, depth, neither, all_blocks, became = describe_exchange(
        exchange_costs(exchanged())
    )

    assert "in 2 of 3 blocks: SE_3_1 0.08 (0.064 to 0.096), SE_4_1 0.2 " in detail
    assert "in 1 of 3 blocks: SE_4_1 0.7 (0.69 to 0.71)." in of_class
    assert depth == "The class counts in the last block, but not shown in SE_3_1."
    assert "in 1 of 3 blocks: SE_2_1 0.001" in neither
    assert all_blocks == (
        "With the gates of all 3 blocks exchanged, the class is worth 0.7 (0.69 to "
        "0.71) nats."
    )
    assert "60.0 % (95 % interval 54.0 to 66.0 %) of 200" in became
    assert became.endswith("become the donor's class; 3.0 % by chance.")


def test_words_where_nothing_counts():
    view = exchange_costs(exchanged(n_donors_known=0))
    for name in ("kl", "kl_low", "kl_high", "class_kl_low", "class_kl"):
        view[name] = view[name] * 0 - (name == "class_kl_low")

    detail, of_class, depth, neither, _, became = describe_exchange(view)

    assert detail.endswith("in none of 3 blocks.")
    assert of_class.endswith("in none of 3 blocks.")
    assert depth == "In the last block, SE_4_1, the class is not shown to count."
    assert all(block in neither for block in BLOCKS)
    assert "is not known: the network knows no class" in became


def test_caption_says_on_how_many_images_and_from_where():
    caption = exchange_caption(exchange_costs(exchanged()), {"record": "run.zarr"})

    assert "the same 200 images of 10 classes" in caption
    assert "Network: se_net" in caption
    assert "Record: run.zarr" in caption


def test_words_say_from_where_on_the_class_counts():
    view = exchange_costs(exchanged())
    view["class_kl_low"] = view["class_kl_low"] + 0.02

    everywhere = describe_exchange(view)[2]
    low = view["class_kl_low"].where(view["block"] != "SE_2_1", -1)
    from_second = describe_exchange(view.assign(class_kl_low=low))[2]

    assert everywhere == "The class counts in every block."
    assert from_second == "From SE_3_1 on the class counts in every block."
