"""Gates watched while a network trains."""

import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from networks import TinyNet
from se_probe.blocks import find_se_blocks
from se_probe.errors import BlockError, UsageError
from se_probe.gates import make_gates
from se_probe.monitor import GateMonitor
from se_probe.record import record_gates
from se_probe.stats import class_moments, input_dependence, saturation
from train_together import N_CLASSES, batches, frozen_norms, step, train_as_rank


@pytest.fixture
def model(tiny_network):
    return tiny_network.model.train()


def test_one_batch_gives_the_numbers_of_its_record(model):
    (pixels,) = batches(1)
    model.apply(lambda m: m.eval() if isinstance(m, nn.BatchNorm2d | nn.Dropout) else m)

    with GateMonitor(model, pixels, every=10) as monitor:
        model(pixels)
        found = monitor.summary()

    gates = gates_by_hand(model, pixels)
    names = [block.name for block in monitor.blocks]
    by_name = dict(zip(names, gates, strict=True))
    record = make_gates(by_name, ["a"] * len(pixels))
    expected = input_dependence(class_moments(record))
    np.testing.assert_allclose(found["input_dependence"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["mean"], [g.mean() for g in gates], rtol=1e-5)
    sds = [np.sqrt(g.var(axis=0, ddof=1).mean()) for g in gates]
    np.testing.assert_allclose(found["sd"], sds, rtol=1e-4)
    for end in ("saturated_closed", "saturated_open"):
        np.testing.assert_allclose(found[end], saturation(record)[end], atol=1e-6)
    expected = {"n_images": len(pixels), "n_batches": 1, "images_differ": True}
    assert found.attrs == expected


def gates_by_hand(model, pixels):
    """Gates of TinyNet by plain hooks on its excitations."""
    seen, handles = [], []
    for unit in (model.layer1[0], model.layer2[0]):
        keep = unit.se.gate.register_forward_hook(
            lambda module, args, output: seen.append(output.detach().flatten(1).numpy())
        )
        handles.append(keep)
    model(pixels)
    for handle in handles:
        handle.remove()
    return seen


def test_numbers_come_every_so_many_batches_and_start_anew(model):
    logged = []

    with GateMonitor(model, batches()[0], lambda *told: logged.append(told), every=2):
        for pixels in batches(5):
            step(model, pixels)

    assert [at for _, at in logged] == [2, 4]
    assert set(logged[0][0]) == {
        f"gates/{block}/{number}"
        for block in ("SE_2_1", "SE_3_1")
        for number in (
            *("mean", "sd", "input_dependence"),
            *("saturated_closed", "saturated_open"),
        )
    }
    assert logged[0][0] != logged[1][0]


def test_evaluation_is_not_counted(model):
    with GateMonitor(model, batches()[0]) as monitor:
        model.eval()(batches()[0])
        model.train()(batches()[0])

    assert monitor.n_batches == 1


def test_training_is_the_same_bits_with_and_without_it(tiny_network):
    def trained(watched):
        torch.manual_seed(0)
        model = TinyNet().train()
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        torch.manual_seed(1)
        with GateMonitor(model, batches()[0]) if watched else warnings.catch_warnings():
            for pixels in batches():
                optimizer.zero_grad()
                step(model, pixels)
                optimizer.step()
        return model.state_dict()

    plain, watched = trained(watched=False), trained(watched=True)

    assert all(torch.equal(plain[name], watched[name]) for name in plain)


def test_hooks_are_gone_after_an_error(model):
    def n_hooks():
        return sum(
            len(module._forward_hooks) + len(module._forward_pre_hooks)
            for module in model.modules()
        )

    before, within = n_hooks(), 0
    with suppress(ZeroDivisionError), GateMonitor(model, batches()[0]):
        within = n_hooks()
        raise ZeroDivisionError

    assert within > before
    assert n_hooks() == before


def told_while_watching(model, n=4, every=1):
    """Warnings of the monitor, without those of finding the blocks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with GateMonitor(model, batches()[0], every=every):
            for pixels in batches(n):
                model(pixels)
    return [str(each.message) for each in caught if "after" in str(each.message)]


def test_a_collapsed_block_is_told_once(model):
    with torch.no_grad():
        for parameter in model.layer2[0].se.parameters():
            parameter.zero_()

    (sentence,) = told_while_watching(model)

    assert "SE_3_1 are the same for different images: collapsed" in sentence
    assert sentence.startswith("after 1 batches")


def test_weights_that_move_do_not_hide_a_collapsed_block(model):
    """Constant within each batch, different between batches."""
    excitation = model.layer2[0].se
    with torch.no_grad():
        for parameter in excitation.parameters():
            parameter.zero_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monitor = GateMonitor(model, batches()[0])

    with monitor:
        for number, pixels in enumerate(batches()):
            with torch.no_grad():
                list(excitation.parameters())[-1].fill_(number)
            model(pixels)

    assert monitor.summary()["input_dependence"].values[1] < 1e-10
    assert monitor.summary()["mean"].values[1] > 0.6


def test_a_saturated_block_is_told(model):
    with torch.no_grad():
        list(model.layer1[0].se.parameters())[-1].fill_(12)

    (sentence,) = told_while_watching(model, n=2, every=2)

    assert "SE_2_1 are saturated at 1 (more than 95 % of them)" in sentence


def test_one_image_a_batch_says_nothing_of_collapse(model):
    model.apply(lambda m: m.eval() if isinstance(m, nn.BatchNorm2d) else m)
    with GateMonitor(model, batches()[0], every=1) as monitor:
        model(batches()[0][:1])

    assert not monitor._warned


def test_equal_images_say_nothing_of_collapse(model):
    with GateMonitor(model, batches()[0], every=1) as monitor:
        model(batches()[0][:1].repeat(4, 1, 1, 1))

    assert not monitor._warned
    assert monitor.n_batches == 1


def test_with_gradient_accumulation_each_forward_pass_is_a_batch(model):
    """Two halves of a batch, one step of the optimizer."""
    frozen_norms(model)
    (whole,) = batches(1)
    told = []

    with GateMonitor(model, whole, lambda *each: told.append(each), every=2):
        for half in whole.split(3):
            step(model, half)

    with GateMonitor(model, whole) as monitor:
        model(whole)
    ((numbers, at),) = told
    assert at == 2
    for name, mean in monitor.summary()["mean"].to_series().items():
        assert numbers[f"gates/{name}/mean"] == pytest.approx(mean, rel=1e-5)


def test_it_tells_when_it_is_asked(model):
    told = []

    with GateMonitor(model, batches()[0], lambda *e: told.append(e), every=None) as m:
        for pixels in batches(3):
            model(pixels)
        first, second = m.tell(), m.summary()

    assert [at for _, at in told] == [3]
    assert first.attrs["n_batches"] == 3
    assert second.attrs["n_batches"] == 0


def test_mixed_precision_is_summed_in_float32(model):
    with GateMonitor(model, batches()[0]) as monitor:
        with torch.autocast("cpu", torch.bfloat16):
            model(batches()[0])
        summary = monitor.summary()

    assert (summary["mean"] > 0).all()
    assert monitor._sums.dtype == torch.float32


def test_activation_checkpointing_counts_each_batch_once(tiny_network):
    class Checkpointed(TinyNet):
        def forward(self, x):
            x = checkpoint(self.layer1, x, use_reentrant=False)
            return self.head(self.layer2(x).mean((2, 3)))

    model = Checkpointed().train()
    model.load_state_dict(tiny_network.model.state_dict())

    with GateMonitor(model, batches()[0]) as monitor:
        for pixels in batches(3):
            step(model, pixels)

    found = monitor.summary().attrs
    assert (found["n_images"], found["n_batches"]) == (18, 3)


def test_gates_that_no_module_holds_are_watched():
    class Inline(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, N_CLASSES)
            self.down, self.up = nn.Linear(8, 2), nn.Linear(2, 8)

        def forward(self, x):
            x = self.conv(x)
            gate = torch.sigmoid(self.up(self.down(x.mean((2, 3))).relu()))
            return self.head((x * gate[:, :, None, None]).mean((2, 3)))

    model = Inline().train()

    with GateMonitor(model, batches()[0]) as monitor:
        for pixels in batches(2):
            step(model, pixels)

    assert monitor.summary().attrs["n_batches"] == 2
    assert 0 < monitor.summary()["mean"].item() < 1


def test_compiled_networks_are_refused(model):
    for compiled in (torch.compile(model), compiled_in_place()):
        with pytest.raises(UsageError, match="is compiled"):
            GateMonitor(compiled, batches()[0])


def test_a_network_that_is_compiled_while_it_is_watched_gives_the_same_numbers(model):
    frozen_norms(model)
    pixels = batches()[0]

    with GateMonitor(model, pixels) as monitor:
        step(torch.compile(model, backend="eager"), pixels)
        compiled = monitor.tell()
        model(pixels)

    assert compiled.attrs == monitor.summary().attrs
    np.testing.assert_allclose(compiled["mean"], monitor.summary()["mean"], rtol=1e-6)


def test_code_that_was_compiled_before_is_refused_with_the_reason(model):
    frozen_norms(model)
    pixels = batches()[0]
    compiled = torch.compile(model, backend="eager")
    compiled(pixels)

    with (
        GateMonitor(model, pixels),
        pytest.raises(BlockError, match="begin to watch before the first run"),
    ):
        compiled(pixels)


def compiled_in_place():
    model = TinyNet()
    model.compile()
    return model


def test_networks_without_se_blocks_and_unusable_numbers_are_refused(model):
    with pytest.raises(BlockError):
        GateMonitor(nn.Sequential(nn.Conv2d(3, 4, 3)), batches()[0])
    with pytest.raises(UsageError, match="at least 1 batch, got 0"):
        GateMonitor(model, batches()[0], every=0)


def test_processes_that_train_together_tell_one_sum(tmp_path):
    torch.multiprocessing.spawn(train_as_rank, (str(tmp_path), 2), nprocs=2)

    (together,), (part,) = torch.load(tmp_path / "0.pt")
    torch.manual_seed(0)
    alone, told = frozen_norms(TinyNet().train()), []
    with GateMonitor(alone, batches()[0], lambda *each: told.append(each), every=4):
        for pixels in batches():
            alone(pixels)
    assert together[1] == 2
    assert together[0] == pytest.approx(told[0][0], rel=1e-4, abs=1e-6)
    assert part[0] == pytest.approx(together[0], rel=1e-4, abs=1e-6)
    assert torch.load(tmp_path / "1.pt") == [[], []]


def test_what_is_logged_matches_a_record_of_the_network(tiny_network, tiny_images):
    """Second opinion: the record of the same images in evaluation mode."""
    blocks = find_se_blocks(tiny_network.model, tiny_images.batch(0))
    record = record_gates(tiny_network, tiny_images, blocks)
    model = frozen_norms(tiny_network.model.train())

    with GateMonitor(model, tiny_images.batch(0)) as monitor:
        for batch in tiny_images.batches(range(tiny_images.n_batches)):
            n_rows = min(len(batch.pixels), len(tiny_images) - monitor_rows(monitor))
            model(batch.pixels[:n_rows])

    means = record.groupby(record["block"].drop_vars("block")).mean().mean("image")
    np.testing.assert_allclose(monitor.summary()["mean"], means, rtol=1e-4)


def monitor_rows(monitor):
    return monitor.summary().attrs["n_images"]
